"""Workflows started at GitHub by a `repository_dispatch` event.

https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event: it needs a token that may write contents,
and starts workflows of the default branch alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.problems import GitHubError
from mlops_ci.errors import BackendError
from mlops_ci.records.alerts import Start
from mlops_ci.records.codec import encode


@dataclass(frozen=True)
class RepositoryDispatch:
    """Keeps the `Starter` port for one repository."""

    api: Api

    def start(self, wanted: Start) -> None:
        payload = {"alerts": [encode(alert) for alert in wanted.alerts]}
        try:
            self.api.post("dispatches", {"event_type": wanted.event, "client_payload": payload})
        except GitHubError as error:
            if error.status not in (403, 404):
                raise
            raise BackendError(
                f"{error.message}; nothing was started in {self.api.access.repository}",
                hint="the token needs 'contents: write' (of a fine-grained one or an App) or the scope 'repo'",
                docs="monitoring.md#start-the-drift-workflow-early",
            ) from None
