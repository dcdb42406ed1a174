"""Every operation that the server has."""

from __future__ import annotations

from tests.github.routes import actions, apps, checks, deployments, git_data, people, pulls, setup, talk

__all__ = ["actions", "apps", "checks", "deployments", "git_data", "people", "pulls", "setup", "talk"]
