"""`mlops-ci init`: look at a repository, say what it lacks, show it, write it. Everything but the last is pure."""
