"""`mlops-ci monitor`: what watches the models from outside, and what an alert starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.console import detect
from mlops_ci.cli.options import common, config_options, output_options
from mlops_ci.errors import UsageError
from mlops_ci.records.alerts import Start
from mlops_ci.records.codec import encode
from mlops_ci.report.clean import plain

EVENT = "mlops-ci-drift"


@click.group("monitor")
def command() -> None:
    """Watch what is served: files for Prometheus, Alertmanager and Grafana."""


@command.command("init")
@click.option(
    "--folder", default="monitoring", show_default=True, metavar="PATH", help="Where to write, beside mlops.yaml."
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@config_options
def init(folder: str, dry_run: bool, **options: Any) -> int:
    """Write what Prometheus, Alertmanager and Grafana need to watch every model of mlops.yaml.

    A file that is there is never written over: how it differs is shown.
    """
    from mlops_ci.cli.offering import Offering, read_text
    from mlops_ci.config.load import load
    from mlops_ci.stages.monitor.files_of import setup_of

    asked = common(options)
    config = load(asked.config, os.environ)
    root = config.root
    setup = setup_of(
        config, inside(folder), read=lambda path: read_text(root, path), service_name=wiring.service_name()
    )
    return Offering(root=root, console=asked.console()).finish(setup, write=not dry_run)


@command.command("dispatch")
@click.option(
    "--payload",
    type=click.File("rb"),
    default="-",
    show_default="stdin",
    metavar="FILE",
    help="What Alertmanager's webhook sent.",
)
@click.option("--event", default=EVENT, show_default=True, metavar="TYPE", help="The type of the event.")
@click.option("--dry-run", is_flag=True, help="Say what would be started, and start nothing.")
@output_options
def dispatch(payload: Any, event: str, dry_run: bool, **options: bool) -> int:
    """Start the drift workflow for alerts that fire.

    Takes what Alertmanager posts to a webhook and sends a repository_dispatch event to GITHUB_REPOSITORY. Where no
    alert fires, nothing is started.
    """
    from mlops_ci.stages.monitor.dispatch import LARGEST, read

    console = detect(os.environ, quiet=options["quiet"], json=options["json"])
    if payload is sys.stdin.buffer and sys.stdin.isatty():
        raise UsageError("there is no payload: --payload names a file, or it comes on stdin")
    alerts = read(payload.read(LARGEST + 1))
    wanted = Start(event=event, alerts=alerts) if alerts else None
    if wanted is not None and not dry_run:
        wiring.starter().start(wanted)
    if console.json:
        console.document({"started": wanted is not None and not dry_run, "start": wanted and encode(wanted)})
    if wanted is None:
        console.show("skipped: no alert fires")
        return 0
    names = ", ".join(plain(" ".join(filter(None, (alert.name, alert.model)))) for alert in wanted.alerts)
    console.show(f"{'would start' if dry_run else 'started'} {event}: {names}")
    return 0


def inside(folder: str) -> str:
    """A folder below that of mlops.yaml. Raises UsageError for another."""
    path = PurePosixPath(Path(folder).as_posix())
    if path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        raise UsageError(f"--folder is '{folder}', not a folder below that of mlops.yaml")
    return str(path)
