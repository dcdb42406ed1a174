"""What is judged of the facts that `mlops-ci doctor` gathers, one file a group."""
