"""`mlops-ci serve`: what is served on this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.session import Session, open_session
from mlops_ci.errors import UsageError, did_you_mean
from mlops_ci.io import clock
from mlops_ci.ports.deploying import Deployer
from mlops_ci.records.codec import encode
from mlops_ci.records.serving import Serving
from mlops_ci.report.clean import plain

EVERY = 0.5  # seconds between two looks of --follow
Place = tuple[str, str, Deployer]  # model, environment, and what serves it
model_argument = click.argument("model", required=False, default="")
environment_argument = click.argument("environment", required=False, default="")


@click.group("serve")
def command() -> None:
    """Look after what is served on this machine (environments with `target: local` or `docker`)."""


@command.command("ps")
@config_options
def ps(**options: Any) -> int:
    """List what is served, where, and since when."""
    session = open_session(common(options))
    found = [(environment, deployer.serving(model, environment)) for model, environment, deployer in places(session)]
    serving = [(environment, item) for environment, item in found if item is not None]
    if session.console.json:
        session.console.document([{"environment": place, **encode(item)} for place, item in serving])
    for place, item in serving:
        session.console.show(line(place, item))
    if not serving:
        session.console.show("nothing is served on this machine")
    return 0


@command.command("logs")
@model_argument
@environment_argument
@click.option("--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many of the last.")
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until nothing serves there.")
@config_options
def logs(model: str, environment: str, lines: int, follow: bool, **options: Any) -> int:
    """Show the last lines that a server wrote."""
    session = open_session(common(options))
    chosen, place, deployer = one(session, model, environment)
    serving = deployer.serving(chosen, place)
    if serving is None:
        raise UsageError(f"nothing is served in {place} for {chosen}", hint="mlops-ci serve ps")
    log = Log(Path(serving.log))
    try:
        found = log.more(unfinished=not follow)
    except OSError:
        raise UsageError(f"there is no log at {serving.log}", hint="mlops-ci serve ps") from None
    for text in found[-lines:]:
        session.console.show(plain(text, longest=2000))
    for text in following(log, lambda: deployer.serving(chosen, place)) if follow else ():
        session.console.show(plain(text, longest=2000))
    return 0


@command.command("stop")
@model_argument
@environment_argument
@click.option("--all", "everything", is_flag=True, help="Stop every server of this repository.")
@config_options
def stop(model: str, environment: str, everything: bool, **options: Any) -> int:
    """Stop a server: it finishes what it has begun. `mlops-ci merge` serves it again."""
    session = open_session(common(options))
    chosen = places(session) if everything else [one(session, model, environment)]
    for item, place, deployer in chosen:
        serves = deployer.serving(item, place) is not None
        deployer.delete(item, place, sequence=None)
        session.console.say(f"{item}: stopped in {place}" if serves else f"{item} is not served in {place}")
    return 0


def places(session: Session) -> list[Place]:
    """All that this machine serves, or is to serve."""
    found = wiring.served_here(session.config)
    return [(model, environment, deployer) for (model, environment), deployer in found.items()]


def one(session: Session, model: str, environment: str) -> Place:
    """The place that the words name; the only one, where there is only one. Raises UsageError."""
    known = [place for place in places(session) if model in ("", place[0]) and environment in ("", place[1])]
    if len(known) == 1:
        return known[0]
    names = [f"{item} {place}" for item, place, _ in places(session)]
    wanted = f"{model} {environment}".strip()
    if not known:
        raise UsageError(
            f"this machine serves no '{wanted}'", hint=did_you_mean(wanted, names, f"there are: {', '.join(names)}")
        )
    raise UsageError("name a model and an environment", hint=f"there are: {', '.join(names)}")


@dataclass
class Log:
    """A server's log, read on from where it was read to."""

    path: Path
    at: int = 0

    def more(self, *, unfinished: bool = False) -> list[str]:
        """The lines that were written since, `unfinished` the last one too; of a log that was begun anew, all.

        Raises OSError.
        """
        with open(self.path, "rb") as file:
            self.at = self.at if self.at <= os.fstat(file.fileno()).st_size else 0
            file.seek(self.at)
            found = file.read()
        ends = len(found) if unfinished else found.rfind(b"\n") + 1
        self.at += ends
        return found[:ends].decode("utf-8", "replace").splitlines()


def following(log: Log, serving: Callable[[], Serving | None]) -> Iterator[str]:
    """Lines as they are written; another server's from its first one, once it serves. It ends when nothing serves."""
    while (now := serving()) is not None:
        if Path(now.log) != log.path:
            log = Log(Path(now.log))
        with contextlib.suppress(OSError):
            yield from log.more()
        clock.sleep(EVERY)


def line(environment: str, serving: Serving) -> str:
    """One served release in one line."""
    state = "serves" if serving.answering else "does not answer"
    again = f", restarted {serving.restarts} times" if serving.restarts else ""
    release = serving.release
    return (
        f"{release.model} {environment}: version {release.version} (model {release.model_digest[:12]}) {state} "
        f"at {serving.url} since {serving.since}{again}"
    )
