"""`mlops-ci plan`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli.dry_run import show_plan
from mlops_ci.cli.merge import plans, require_clean
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.session import open_session


@click.command("plan")
@common_options
def command(**options: Any) -> int:
    """Say what 'merge' would do, and do nothing.

    For each step: do, already done, or blocked by what; the exit code is that of the first step that is blocked.
    """
    session = open_session(common(options))
    require_clean(session)
    return show_plan(session, lambda model, item: plans(session, model, item), everything=True)
