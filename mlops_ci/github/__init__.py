"""GitHub Actions around us: the job's context, its credentials, and workflow commands."""
