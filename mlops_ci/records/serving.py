"""What is served where."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.records.models import Release


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What a target says of one model in one environment. `since` is ISO 8601 in UTC; `log` a path to read on.

    `altered` says what was changed there by somebody else, or left unfinished: then what serves may not be `release`.
    `refused` is the digest of the model that was taken back here and does not come again by itself, '' for none.
    """

    release: Release
    url: str
    answering: bool
    since: str
    restarts: int = 0
    log: str = ""
    altered: str = ""
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class DeploymentDetails:
    """The details of a `deploy` result. `before` is the model digest that served before, '' for none; `share` is the
    percentage of the traffic that the release has as a canary, None where it serves alone."""

    environment: str
    target: str
    release: Release
    url: str
    changed: bool
    before: str = ""
    rollback: bool = False
    smoke_rows: int = 0
    share: int | None = None
