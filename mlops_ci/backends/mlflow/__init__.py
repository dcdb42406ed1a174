"""MLflow as tracker and registry."""
