"""What a person should know about the repository as a whole before its first pull request."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from mlops_ci.stages.init.prepare import OWNED

REMOTE = re.compile(r"^\s*remote\s*=\s*\S", re.MULTILINE)


def general(
    *, has_dvc_remote: bool, pin: str, owner: str, has_owners: bool, workflows: Collection[str]
) -> Iterator[str]:
    """One line each; what a repository has already is not spoken of. `workflows` are those that are new."""
    if not has_dvc_remote:
        yield (
            "no DVC remote is set, so a runner starts each time from what git has: dvc remote add -d store URL, and "
            "commit .dvc/config"
        )
    if workflows:
        yield (
            "runners forget MLflow's embedded store: set the repository's variable MLFLOW_TRACKING_URI to your "
            "server's address (Settings → Secrets and variables → Actions)"
        )
        yield "to let nothing unjudged in, require the check 'Models are judged' (Settings → Rules → Rulesets)"
    if workflows and not pin:
        yield (
            "the workflows name mlops-ci by its tag, which can be moved: nothing tells which commit is installed here. "
            "--pin SHA names one"
        )
    if workflows and not (owner and not has_owners):
        yield f"CODEOWNERS should name who approves {', '.join(OWNED)}: --owner @you/team writes it where there is none"


def has_remote(settings: str) -> bool:
    """Whether DVC's settings name a default remote."""
    return bool(REMOTE.search(settings))
