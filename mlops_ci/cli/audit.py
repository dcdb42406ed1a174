"""`mlops-ci audit`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from mlops_ci.cli import audit_text
from mlops_ci.cli.moment import moment_of
from mlops_ci.cli.options import common, model_options
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import RepositoryError, UsageError, did_you_mean
from mlops_ci.io import clock
from mlops_ci.records.audit import Audited
from mlops_ci.records.codec import encode
from mlops_ci.stages.audit import Place, audit, places, recorded
from mlops_ci.stages.past import Past


@click.command("audit")
@click.option("--at", "at", required=True, metavar="DATE", help="A day (to its end, UTC), or a time with its zone.")
@click.option("--environment", "-e", default="", metavar="NAME", help="This environment only.")
@model_options
def command(at: str, environment: str, **options: Any) -> int:
    """Say what served on a date, from what, and who approved it.

    Asks git what should have served, and the registry's journal what did; from these come data, code, run, verdict
    and approvals. What neither can know is unknown, and said to be. Nothing is contacted but the registry.
    """
    session = open_session(common(options))
    moment = moment_of(at, now=clock.now())
    rows = answers(session, moment, environment)
    if session.console.json:
        session.console.document([encode(row) for row in rows])
    for row in rows:
        session.console.show("\n".join(audit_text.lines(row)))
    return 0


def answers(session: Session, moment: datetime, environment: str) -> list[Audited]:
    """One answer for each place that was asked about."""
    past = past_of(session)
    found = chosen(places(past, session.config, moment), session.options.models, environment)
    known = {model: recorded(model, session.registry) for model in dict.fromkeys(place.model for place in found)}
    return [audit(place, known[place.model], moment, past=past) for place in found]


def past_of(session: Session) -> Past | str:
    """Git's past, or why it can't be asked; the registry answers all the same."""
    try:
        return Past.of(session.git, session.config, os.environ)
    except RepositoryError as error:
        return f"{error.message}: {error.hint}"


def chosen(known: Sequence[Place], models: Sequence[str], environment: str) -> list[Place]:
    """Those that were named. Raises UsageError for a name that neither then nor now is one."""
    _known("model", models, {place.model for place in known})
    _known("environment", [environment] if environment else [], {place.environment for place in known})
    found = [place for place in known if not models or place.model in models]
    found = [place for place in found if environment in ("", place.environment)]
    if not found:
        raise UsageError("nothing was ever to be served there", hint="see 'environments' in mlops.yaml")
    return found


def _known(what: str, names: Sequence[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, f"{what}s: {', '.join(sorted(known)) or 'none'}")
            raise UsageError(f"there is no {what} '{name}', and was none then", hint=hint)
