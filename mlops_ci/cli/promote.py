"""`mlops-ci promote`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.promoting import promotion, propose
from mlops_ci.cli.rollback import find
from mlops_ci.cli.run_stage import show
from mlops_ci.cli.session import open_session
from mlops_ci.errors import UsageError
from mlops_ci.stages.releases import read_release


@click.command("promote")
@click.option("--environment", required=True, metavar="NAME", help="Where it shall serve.")
@click.option("--model", "name", default="", metavar="NAME", help="The model; needed where there are several.")
@click.option("--release", "version", default="", metavar="VERSION", help="This version, even if it was taken back.")
@config_options
def command(environment: str, name: str, version: str, **options: Any) -> int:
    """Propose what serves in one environment for the next.

    'merge' does so by itself. A release that was taken back is proposed again only when it is named here.
    """
    session = open_session(common(options))
    model, target = find(session, name, environment)
    place = model.environments.index(target)
    if place == 0:
        raise UsageError(
            f"{target.name} is the first environment: it follows {session.default_branch}", hint="merge a pull request"
        )
    current = read_release(session.config, model.name, target.name, tree=session.project.tree)
    source = model.environments[place - 1]
    found = promotion(session, model, source, target, current, again=bool(version))
    if isinstance(found, str):
        raise UsageError(found)
    if version not in ("", found.release.version):
        raise UsageError(f"version {found.release.version} serves in {source.name}, not version {version}")
    result = propose(session, found)
    show(session, [result])
    return result.exit_code
