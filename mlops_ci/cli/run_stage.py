"""What every stage command does around its stage: choose the models, lock the checkout, perform, render, exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mlops_ci.cli.announce import announce
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.io import files
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult, exit_code
from mlops_ci.stages.perform import perform

StageFunction = Callable[[Model, Affected, Say], StageResult]


def run_stage(session: Session, stage: str, function: StageFunction) -> int:
    """Perform one stage for every selected model; the exit code of the whole."""
    results: list[StageResult] = []
    with one_run(session):
        for item in session.selected:
            results.append(perform_one(session, stage, item, function))
    show(session, results)
    return exit_code(results)


def perform_one(session: Session, stage: str, item: Affected, function: StageFunction) -> StageResult:
    """Perform one stage for one model, with progress."""
    model = session.model(item.model)
    with session.console.step(f"{stage} {item.model}") as say:
        return perform(
            stage,
            item.model,
            lambda: function(model, item, say),
            workspace=session.workspace,
            origin=session.origin,
        )


@contextmanager
def one_run(session: Session) -> Iterator[None]:
    """Two runs in one checkout would train into the same files; the second is told so at once."""
    path = session.workspace.lock_path("run")
    with files.lock(path, busy="another mlops-ci run is at work in this checkout"):
        session.workspace.protect()
        yield


def show(session: Session, results: Sequence[StageResult], *, nothing: str = "") -> None:
    """The results, as text or as one JSON document, and to a workflow as its outputs; `nothing` says why there are
    none, where it is not that no model is affected."""
    console = session.console
    announce(session, results)
    if console.json:
        console.document([encode(result) for result in results])
    if not results:
        console.show(nothing or f"nothing to do: no model is affected since {session.base[:12] or 'the beginning'}")
        return
    from mlops_ci.report import terminal

    console.show(terminal.render(results, width=console.width, color=console.color))
