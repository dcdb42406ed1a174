"""`mlops-ci init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli.options import output_options
from mlops_ci.errors import UsageError


@click.command("init")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take what was found, and write.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--train", default="", metavar="PATH", help="The script that trains, or the folder of its dvc.yaml.")
@click.option("--holdout", default="", metavar="PATH", help="The rows that training never sees.")
@click.option("--label", default="", metavar="COLUMN", help="The column with the truth.")
@click.option("--environment", default="", metavar="PATH", help="Your requirements file, or your Python.")
@click.option("--owner", default="", metavar="@NAME", help="Who approves releases; written into CODEOWNERS.")
@click.option("--pin", default="", metavar="SHA", help="Pin the workflows to this commit of mlops-ci.")
@click.option("--upgrade", is_flag=True, help="Merge newer workflows into those that are there.")
@click.option("--conflicts", is_flag=True, help="With --upgrade: write conflicts too, between markers.")
@output_options
def command(upgrade: bool, conflicts: bool, yes: bool, dry_run: bool, json: bool, quiet: bool, **options: Any) -> int:
    """Set a repository up: mlops.yaml, a first suite, workflows.

    Looks at the repository, asks at most five questions, shows what it would write, and writes it. A file that is there
    is never written over, and your code is never changed. A training script without a pipeline gets a dvc.yaml.
    """
    from mlops_ci.cli.initializing import Initializing

    work = Initializing.here(Path.cwd(), asking=not (yes or dry_run or upgrade), json=json, quiet=quiet, **options)
    if upgrade:
        return work.upgrade(write=not dry_run, conflicts=conflicts)
    if conflicts:
        raise UsageError("--conflicts goes with --upgrade")
    return work.set_up(write=not dry_run)
