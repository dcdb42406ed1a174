"""The model server; comes with the merge loop."""
