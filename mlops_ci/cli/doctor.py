"""`mlops-ci doctor`."""

from __future__ import annotations

import os
from typing import Any

import click

from mlops_ci.cli.options import common, config_options


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Look at this machine and this clone alone.")
@config_options
def command(offline: bool, **options: Any) -> int:
    """Say what is set up wrong, and what to do about it.

    Looks at what is installed, the clone, its workflows, the token for GitHub, the rules of the branch, schedules, the
    DVC remote, MLflow, Docker and clusters, side by side and within seconds. Changes nothing. Exit 2 if something is
    set up wrong, 3 if only a back end does not answer.
    """
    from mlops_ci.cli import probes_github, probes_here, probes_servers, probes_stores
    from mlops_ci.cli.doctor_text import document, lines
    from mlops_ci.cli.ground import Ground, secrets
    from mlops_ci.stages.doctor.examine import examine, exit_code

    chosen = common(options)
    console = chosen.console()
    ground = Ground.of(chosen.config)
    groups = (probes_here, probes_github, probes_stores, probes_servers)
    probes = [probe for group in groups for probe in group.probes(ground)]
    asked = [probe for probe in probes if not (offline and probe.online)]
    left_out = tuple(dict.fromkeys(probe.name for probe in probes if probe not in asked))
    found = examine(asked, secrets=secrets(os.environ))
    if console.json:
        console.document(document(found, left_out))
    for line in lines(found, left_out, width=console.width):
        console.show(line)
    return exit_code(found)
