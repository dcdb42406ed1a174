"""`mlops.yaml`: read, check, type."""
