"""GitHub: workflow commands now; context and forge with their issue."""
