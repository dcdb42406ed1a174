"""The only doors to subprocesses, files that must not tear, git and the clock."""
