"""Images: put together, built and pushed with Docker."""
