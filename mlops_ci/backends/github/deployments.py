"""Deployment records at GitHub: one a commit and environment, with a status for each turn it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.records.reviewing import Deployed, DeployState

LONGEST_DESCRIPTION = 140
LOOK_BACK = 10  # deployments that may still have to be retired; each success retires all before it
STATES = {item.value: item for item in DeployState}  # GitHub has more: `queued`, `pending` and `error` of others


@dataclass(frozen=True)
class Deployments:
    """GitHub retires earlier deployments by itself, but never those of a production, so we do."""

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
        if self._turn(found["id"], deployed) and deployed.state is DeployState.SUCCESS:
            self._retire(deployed.environment, found["id"])

    def latest(self, environment: str) -> Deployed | None:
        """The newest deployment with its newest status; one without a status has only begun."""
        found = self.api.get("deployments", environment=environment, per_page="1")
        if not found:
            return None
        (item,) = found
        status = self._status(item["id"])
        return Deployed(
            environment=environment,
            commit=item["sha"],
            state=STATES.get(status.get("state", ""), DeployState.IN_PROGRESS),
            description=status.get("description") or "",
            url=status.get("environment_url") or "",
            log_url=status.get("log_url") or "",
            facts=_facts(item["payload"]),
        )

    def _there(self, deployed: Deployed) -> Mapping[str, Any] | None:
        """This commit's record of the same facts: a commit may deploy one release after another, as a rollback does."""
        found = self.api.pages("deployments", sha=deployed.commit, environment=deployed.environment)
        return next((item for item in found if _facts(item["payload"]) == dict(deployed.facts)), None)

    def _status(self, number: int) -> Mapping[str, Any]:
        found = self.api.get(f"deployments/{number}/statuses", per_page="1")
        return found[0] if found else {}

    def _turn(self, number: int, deployed: Deployed) -> bool:
        """Whether it was not so already."""
        path = f"deployments/{number}/statuses"
        body = {"state": deployed.state.value, "description": deployed.description[:LONGEST_DESCRIPTION]}
        links = {"environment_url": deployed.url, "log_url": deployed.log_url}
        body |= {name: url for name, url in links.items() if url}

        def there() -> Mapping[str, Any] | None:
            latest = self._status(number)
            return latest if all(latest.get(key) == value for key, value in body.items()) else None

        if there() is not None:
            return False
        self.api.make(path, {**body, "auto_inactive": True}, made=there)
        return True

    def _retire(self, environment: str, number: int) -> None:
        """Say of what served before that it does not any more."""
        for item in self.api.get("deployments", environment=environment, per_page=str(LOOK_BACK)):
            if item["id"] == number:
                continue
            state = self._status(item["id"]).get("state")
            if state == DeployState.INACTIVE.value:
                return
            if state == DeployState.SUCCESS.value:
                body = {"state": DeployState.INACTIVE.value, "description": "a later release serves"}
                self.api.post(f"deployments/{item['id']}/statuses", body)


def _facts(payload: Any) -> dict[str, str]:
    """What was given with a record; GitHub gives it back as JSON or as its text."""
    try:
        found = json.loads(payload) if isinstance(payload, str) else payload
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
