"""`mlops-ci affected`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mlops_ci.cli.announce import announce
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.session import open_session
from mlops_ci.digests.imports import import_checks
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode


@click.command("affected")
@common_options
def command(**options: Any) -> int:
    """Say which models this branch changes, and why.

    Compares the inputs digest and what decides the judgement in the base revision with the working tree. Reads
    git alone: no data is pulled and nothing is run.
    """
    session = open_session(common(options))
    session.require_sound_releases()
    if session.console.json:
        session.console.document([encode(item) for item in session.affected])
    announce(session, [])
    for item in session.affected:
        session.console.show("\n".join(lines(item)))
    for item in session.selected:
        model = session.model(item.model)
        for check in import_checks(session.project.tree, session.inputs(model), model.train.undeclared_imports):
            session.console.say(f"{check.severity.value}: {item.model}: {check.where}: {check.message}")
    if changed := session.git.dirty():
        session.console.say(f"note: uncommitted changes are part of this: {_few(changed)}")
    return 0


def lines(item: Affected) -> list[str]:
    """One model as text: affected or not, since when, and every reason."""
    base = item.base[:12] or "the beginning"
    if not item.affected:
        return [f"{item.model}: not affected since {base} (inputs {item.inputs_digest[:12]})"]
    return [f"{item.model}: affected since {base}", *(f"  {change.sentence()}" for change in item.changes)]


def _few(paths: Sequence[str]) -> str:
    shown = [path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for path in paths[:3]]
    return ", ".join(shown) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
