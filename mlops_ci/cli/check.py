"""`mlops-ci check`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli.options import common, model_options
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import RepositoryError
from mlops_ci.io import clock
from mlops_ci.records.codec import encode
from mlops_ci.records.results import Check, Status
from mlops_ci.stages.check import check_config


@click.command("check")
@model_options
def command(**options: Any) -> int:
    """Check mlops.yaml and every file it names.

    Says which keys take effect with a later version. Nothing is pulled, imported or run. Exit 2 if anything is wrong.
    """
    session = open_session(common(options))
    found = findings(session)
    if session.console.json:
        session.console.document([encode(item) for item in found])
    for item in found:
        session.console.show(line(item))
    wrong = sum(item.red for item in found)
    warned = sum(item.status is not Status.PASSED for item in found) - wrong
    session.console.show(f"{len(found)} checks: {wrong} wrong, {warned} to know about")
    return 2 if wrong else 0


def findings(session: Session) -> tuple[Check, ...]:
    """What is found; without a repository, what can be told without one, and that there is none."""
    today = clock.now().date()
    names = session.options.models or tuple(session.config.models)
    models = [session.model(name) for name in names]
    try:
        project = session.project
    except RepositoryError as error:
        missing = Check(name="repository", status=Status.FAILED, message=f"{error.message}: {error.hint}")
        return (missing, *check_config(session.config, models, None, today=today))
    return check_config(session.config, models, project, today=today)


def line(item: Check) -> str:
    """`ok`, `warning` or `error`, what, and where."""
    word = "ok" if item.status is Status.PASSED else "error" if item.red else "warning"
    return f"{word:<8}{item.name}: {item.message}" + (f"  ({item.where})" if item.where and word != "ok" else "")
