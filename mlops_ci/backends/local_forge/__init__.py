"""The forge in the repository itself."""
