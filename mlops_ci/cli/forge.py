"""`mlops-ci forge`: the pull requests that live in the repository itself."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import forge_text, wiring
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import did_you_mean
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import PullRequest, PullState
from mlops_ci.report.clean import plain

STATES = (*(state.value for state in PullState), "all")
number_argument = click.argument("number", type=click.IntRange(1, 999_999_999))


class ForgeGroup(click.Group):
    """A group that knows the nearest name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"no command '{args[0]}'; {did_you_mean(args[0], self.commands, 'see --help')}")
        return super().resolve_command(ctx, args)


@click.group("forge", cls=ForgeGroup)
def command() -> None:
    """Work with the pull requests kept in this repository.

    They need no server: branches are git's, requests are files below .mlops/forge. Not for those on GitHub.
    """


@command.command("list")
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True, help="Only those in this state.")
@config_options
def list_pulls(state: str, **options: Any) -> int:
    """List pull requests, the newest first."""
    session = open_session(common(options))
    pulls = wiring.local_forge(session.config).pulls(state=None if state == "all" else PullState(state))
    if session.console.json:
        session.console.document([encode(pull) for pull in pulls])
    for pull in pulls:
        session.console.show(forge_text.line(pull))
    if not pulls:
        session.console.show(f"no pull requests{'' if state == 'all' else f' are {state}'}")
    return 0


@command.command("show")
@number_argument
@config_options
def show(number: int, **options: Any) -> int:
    """Show a pull request: its text, comments, approvals and conflicts."""
    session = open_session(common(options))
    forge = wiring.local_forge(session.config)
    pull = forge.pull(number)
    found = forge_text.Shown(
        pull=pull,
        comments=forge.comments(number),
        approvals=forge.approvals(number),
        conflicts=forge.conflicts(pull),
    )
    if session.console.json:
        session.console.document(encode(found))
    session.console.show(forge_text.whole(found))
    return 0


@command.command("approve")
@number_argument
@config_options
def approve(number: int, **options: Any) -> int:
    """Approve a pull request as it is now, under your name in git.

    The approval is for the branch's present commit; a later commit needs a new one.
    """
    session = open_session(common(options))
    made = wiring.local_forge(session.config, person=True).approve(number)
    if session.console.json:
        session.console.document(encode(made))
    session.console.show(f"#{number} at {made.commit[:12]} is approved by {plain(made.author)}")
    return 0


@command.command("merge")
@click.option("--head", default="", metavar="SHA", help="Merge only if the branch is at this commit.")
@click.option("--keep-branch", is_flag=True, help="Leave the branch where it is.")
@number_argument
@config_options
def merge(number: int, head: str, keep_branch: bool, **options: Any) -> int:
    """Merge a pull request as one commit on its base, and delete its branch.

    A base that is checked out brings its files along, as git merge --ff-only does; edited files stop it.
    """
    session = open_session(common(options))
    forge = wiring.local_forge(session.config, person=True)
    pull = forge.pull(number)
    merged = forge.merge(number, head=session.git.resolve(head) if head else pull.head)
    if not keep_branch and forge.tip(merged.branch) == merged.head:
        forge.delete_branch(merged.branch, expected=merged.head)
    return tell(session, merged, f"is merged as {merged.merge_commit[:12]} into {plain(merged.base)}")


@command.command("close")
@number_argument
@config_options
def close(number: int, **options: Any) -> int:
    """Close a pull request without merging it; its branch stays.

    Of one that mlops-ci keeps current this means: not now.
    """
    session = open_session(common(options))
    return tell(session, wiring.local_forge(session.config, person=True).close(number), "is closed")


@command.command("ready")
@click.option("--undo", is_flag=True, help="Make it a draft again.")
@number_argument
@config_options
def ready(number: int, undo: bool, **options: Any) -> int:
    """Say that a draft may be merged."""
    session = open_session(common(options))
    pull = wiring.local_forge(session.config, person=True).update(number, draft=undo)
    return tell(session, pull, "is a draft" if undo else "is ready")


@command.command("label")
@click.option("--add", multiple=True, metavar="LABEL", help="Add this label. Repeatable.")
@click.option("--remove", multiple=True, metavar="LABEL", help="Remove this label. Repeatable.")
@number_argument
@config_options
def label(number: int, add: tuple[str, ...], remove: tuple[str, ...], **options: Any) -> int:
    """Add and remove labels; mlops-ci:hold stops all writes of mlops-ci."""
    session = open_session(common(options))
    forge = wiring.local_forge(session.config, person=True)
    forge.label(number, add=add, remove=remove)
    pull = forge.pull(number)
    labels = ", ".join(plain(name) for name in pull.labels)
    return tell(session, pull, f"has the labels {labels}" if labels else "has no labels")


def tell(session: Session, pull: PullRequest, what: str) -> int:
    """One line about what a pull request is now, or its record."""
    if session.console.json:
        session.console.document(encode(pull))
    session.console.show(f"#{pull.number} {what}")
    return 0
