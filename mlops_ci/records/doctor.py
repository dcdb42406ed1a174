"""What `mlops-ci doctor` looks at, and what it says of it.

The facts are what back ends found out; a finding is what follows from them. A fact that nobody could find out is None,
never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mlops_ci.records.github import TokenKind


class Level(str, Enum):
    """How bad it is. Nothing but an error decides the exit code."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line. `cure` is what to do, '' where all is well. `silent` marks an error that is a back end's silence, and
    nothing that is set up wrong."""

    group: str
    name: str
    level: Level
    message: str
    cure: str = ""
    silent: bool = False


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """The clone. `branch` is '' for a detached HEAD, `default_branch` where none was found."""

    commits: bool
    shallow: bool
    branch: str
    default_branch: str


@dataclass(frozen=True, kw_only=True)
class WorkflowFacts:
    """The workflows of the repository that call mlops-ci. `older` were made from other templates than ours, `edited`
    are those of them whose merge would conflict, `baseless` were not written by `init`."""

    ours: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    baseless: tuple[str, ...] = ()
    current: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccessFacts:
    """What GitHub says of a token and its repository.

    `scopes` are a classic personal token's; `granted` an App's permissions by name; `role` is what a person may do.
    `may_open` is whether the workflow's own token may open pull requests. `expires` is GitHub's text.
    """

    repository: str
    kind: TokenKind
    source: str
    login: str = ""
    private: bool = False
    archived: bool = False
    default_branch: str = ""
    scopes: tuple[str, ...] | None = None
    granted: Mapping[str, str] | None = None
    role: Mapping[str, bool] | None = None
    may_open: bool | None = None
    expires: str = ""


@dataclass(frozen=True, kw_only=True)
class RuleFacts:
    """What protects a branch: the checks that are required, and whether a pull request is (None: it can't be seen)."""

    branch: str
    protected: bool
    checks: tuple[str, ...] = ()
    pull_request: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduleFacts:
    """A workflow that is started by time, as GitHub has it. `state` is '' where GitHub does not know it; `last` is when
    its last scheduled run began, None where there was none."""

    path: str
    state: str
    last: datetime | None = None
    conclusion: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteFacts:
    """A DVC project's default remote, without its secrets. `name` is '' where there is none; `there` is whether
    anything lies at its URL."""

    name: str
    url: str = ""
    there: bool = False


@dataclass(frozen=True, kw_only=True)
class TrackingFacts:
    """An MLflow store that answered. `version` is its server's, '' where it has none; `artifacts` is where it has new
    files put, '' where it did not say."""

    uri: str
    version: str = ""
    artifacts: str = ""


@dataclass(frozen=True, kw_only=True)
class Right:
    """One thing that a deployer does in a namespace. `name` is '' for all objects of the kind; without one that is not
    `needed` it only says less when something fails."""

    group: str
    resource: str
    verb: str
    name: str = ""
    needed: bool = True

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" {self.name}" if self.name else "")


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """A cluster that answered. `kserve` is whether it knows InferenceServices; `denied` what may not be done."""

    host: str
    version: str
    kserve: bool
    denied: tuple[Right, ...] = ()
    asked: int = 0
