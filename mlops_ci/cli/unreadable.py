"""A config that can't be used, where reviewers are waiting: they are told, and no older commit's numbers stay."""

from __future__ import annotations

import os

from mlops_ci.cli import wiring
from mlops_ci.cli.options import Common
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import ConfigError, UsageError
from mlops_ci.github.context import context
from mlops_ci.io.git import Git
from mlops_ci.records.showing import About


def open_shown(options: Common, *, publish: bool) -> Session:
    """A command's session. Raises ConfigError, which reviewers have been told of where they are to be told of all."""
    try:
        return open_session(options)
    except ConfigError as error:
        if publish:
            show_unreadable(options, error)
        raise


def show_unreadable(options: Common, error: ConfigError) -> None:
    """Show that nothing was judged. What is wrong is left to the log, which hides secrets: a message may quote a
    variable's value."""
    from mlops_ci.cli.showing import announce_report, publish, tell
    from mlops_ci.report.collect import Report

    around = context(os.environ)
    try:
        root = Git.open(options.config.absolute().parent).root
        _, reviewing = wiring.publishing()
    except UsageError:
        return  # there is no GitHub, or no repository: nobody is waiting
    if not around.head or around.fork:
        return
    folder = options.config.resolve().parent.relative_to(root).as_posix()
    about = About(
        head=around.head,
        pull=around.pull,
        folder="" if folder == "." else f"{folder}/",
        config=options.config.name,
        run_url=around.run_url,
        unread=error.where or options.config.name,
    )
    announce_report(Report(models=()), about)
    tell(options.console(), publish(Report(models=()), about, reviewing=reviewing), about)
