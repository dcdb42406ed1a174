"""Deployment records at GitHub: one a commit and environment, with a status for each turn it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.records.reviewing import Deployed

LONGEST_DESCRIPTION = 140


@dataclass(frozen=True)
class Deployments:
    """GitHub itself retires an environment's earlier deployments when a later one succeeds."""

    api: Api

    def record(self, deployed: Deployed) -> None:
        found = self._there(deployed)
        if found is None:
            # Nothing is to be merged or waited for: what is recorded has happened.
            body = {
                "ref": deployed.commit,
                "environment": deployed.environment,
                "auto_merge": False,
                "required_contexts": [],
                "payload": dict(deployed.facts),
                "description": deployed.description[:LONGEST_DESCRIPTION],
            }
            found = self.api.make("deployments", body, made=lambda: self._there(deployed))
        self._turn(f"deployments/{found['id']}/statuses", deployed)

    def _there(self, deployed: Deployed) -> Mapping[str, Any] | None:
        found = self.api.pages("deployments", sha=deployed.commit, environment=deployed.environment)
        return found[0] if found else None

    def _turn(self, path: str, deployed: Deployed) -> None:
        body = {"state": deployed.state.value, "description": deployed.description[:LONGEST_DESCRIPTION]}
        links = {"environment_url": deployed.url, "log_url": deployed.log_url}
        body |= {name: url for name, url in links.items() if url}

        def there() -> Mapping[str, Any] | None:
            latest: Mapping[str, Any] = next(iter(self.api.pages(path)), {})
            return latest if all(latest.get(key) == value for key, value in body.items()) else None

        if there() is None:
            self.api.make(path, {**body, "auto_inactive": True}, made=there)
