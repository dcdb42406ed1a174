"""A push may bring several commits, as a rebase-merge does, and the one that changed a model need not be the last."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.github.context import COMMIT, context, in_actions
from mlops_ci.io import git_mainline
from mlops_ci.records.affected import Affected
from mlops_ci.stages.affected import find_affected

# What the branch was at before: as of GitLab's push (zeros where nothing was pushed), and of Jenkins' last green build.
BEFORE = ("CI_COMMIT_BEFORE_SHA", "GIT_PREVIOUS_SUCCESSFUL_COMMIT")


def last_change(session: Session, model: Model, item: Affected) -> Affected:
    """`item`, or, where HEAD's own commit leaves the model as it is, the model against the newest commit of the same
    push that it differs from. So a change of rules is told from the return of an earlier model as for one commit."""
    if item.affected or session.options.base:
        return item
    for base in earlier(session):
        (found,) = find_affected(session.config, [model], git=session.git, base=base, environ=os.environ)
        if found.affected:
            return found
    return item


def earlier(session: Session) -> tuple[str, ...]:
    """The commits to compare with beyond HEAD's parent, the newest first; none where nobody tells of several."""
    before = merged_before(os.environ)
    found = git_mainline.brought(session.git.root, before, session.git.head()) if before else ()
    return (*found[2:], before) if len(found) > 1 else ()


def merged_before(environ: Mapping[str, str]) -> str:
    """What was merged before this run's push, as the CI system tells it; '' where it does not. A commit that HEAD does
    not come from is none."""
    if in_actions(environ):
        return context(environ).before
    return next((environ[name] for name in BEFORE if COMMIT.fullmatch(environ.get(name, ""))), "")
