"""Every operation that the server has."""

from __future__ import annotations

from tests.github.routes import apps, checks, deployments, git_data, people, pulls, talk

__all__ = ["apps", "checks", "deployments", "git_data", "people", "pulls", "talk"]
