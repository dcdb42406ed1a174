"""What reviewers are told without a config: that a run has begun, or that its config can't be used.

In both cases an older commit's numbers must not stand as if they were this one's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops_ci.cli import wiring
from mlops_ci.cli.options import Common
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import ConfigError, MissingExtra, UsageError
from mlops_ci.github.context import context
from mlops_ci.io.git import Git
from mlops_ci.records.showing import About

if TYPE_CHECKING:
    from mlops_ci.ports.reviewing import Reviewing


def open_shown(options: Common, *, publish: bool, releases: bool = False) -> Session:
    """A command's session; with `releases` their files are looked at, too. Raises ConfigError, which reviewers have
    been told of where they are to be told of all."""
    try:
        session = open_session(options)
        if releases:
            session.require_sound_releases()
        return session
    except ConfigError as error:
        if publish:
            show_unreadable(options, error)
        raise


def mark_older(options: Common) -> None:
    """Where the comment is an older commit's, let it say that the run of this one has begun."""
    from mlops_ci.cli.showing import BEGUN, mark_begun, tell

    if (found := reviewers(options)) is None:
        options.console().say("nothing is marked: nobody reviews this job at GitHub, or it may not write there")
        return
    about, reviewing = found
    tell(options.console(), mark_begun(about, reviewing=reviewing), about, BEGUN)


def show_unreadable(options: Common, error: ConfigError) -> None:
    """Show that nothing was judged. What is wrong is left to the log, which hides secrets: a message may quote a
    variable's value."""
    from mlops_ci.cli.showing import announce_report, publish, tell
    from mlops_ci.report.collect import Report

    if (found := reviewers(options, unread=error.where or options.config.name)) is None:
        return
    about, reviewing = found
    announce_report(Report(models=()), about)
    tell(options.console(), publish(Report(models=()), about, reviewing=reviewing), about)


def reviewers(options: Common, *, unread: str = "") -> tuple[About, Reviewing] | None:
    """This job, and what shows it to its reviewers; None without GitHub, a repository or a commit, and for a fork's."""
    around = context(os.environ)
    try:
        root = Git.open(options.config.absolute().parent).root
        _, reviewing = wiring.publishing()
    except MissingExtra:
        if unread:
            return None  # the config's own error is the one to tell
        raise
    except UsageError:
        return None
    if not around.head or around.fork:
        return None
    folder = options.config.resolve().parent.relative_to(root).as_posix()
    about = About(
        head=around.head,
        pull=around.pull,
        folder="" if folder == "." else f"{folder}/",
        config=options.config.name,
        run_url=around.run_url,
        unread=unread,
    )
    return about, reviewing
