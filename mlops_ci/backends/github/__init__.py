"""GitHub's REST and GraphQL API, on github3.py's session: one file a concern."""
