"""`mlops-ci drift`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_ci import __version__
from mlops_ci.cli import wiring
from mlops_ci.cli.console import error_text
from mlops_ci.cli.drift_champion import champion, environment_of
from mlops_ci.cli.drift_former import Former, answered, still
from mlops_ci.cli.drift_reference import ensure
from mlops_ci.cli.drift_reports import metrics, reports
from mlops_ci.cli.options import common, model_options
from mlops_ci.cli.run_stage import one_run, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.train import trainer
from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, MissingExtra, MlopsError, UsageError
from mlops_ci.io import clock
from mlops_ci.ports.drift import Production
from mlops_ci.ports.say import Say
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Version
from mlops_ci.records.results import Origin, StageResult, Status, exit_code
from mlops_ci.stages.deploy import release_of
from mlops_ci.stages.drift_signal import windows_back
from mlops_ci.stages.perform import perform

if TYPE_CHECKING:
    from mlops_ci.stages.drift import Watch

STAGE = "drift"
NOTHING = "nothing is watched: no model has 'drift.current'"
environment_option = click.option(
    "--environment", "-e", default="", metavar="NAME", help="Whose release is the champion. [default: the last one's]"
)


@click.group("drift", invoke_without_command=True)
@environment_option
@click.option("--window", default="", metavar="NAME", help="The last window to look at. [default: the newest]")
@click.option(
    "--metrics-file", type=click.Path(path_type=Path, dir_okay=False), help="Write Prometheus metrics to this file."
)
@click.option("--push", default="", metavar="URL", help="Push Prometheus metrics to this Pushgateway.")
@model_options
@click.pass_context
def command(
    context: click.Context, /, environment: str, window: str, metrics_file: Path | None, push: str, **options: Any
) -> int:
    """Watch production: compare its newest windows with the champion's training data.

    Exit 10 where enough windows in a row breach, or nothing new comes. Where nothing has changed since the last run,
    its answer is given again, and nothing is read or written.
    """
    if context.invoked_subcommand is not None:
        return 0
    session = open_session(common(options))
    models = list(watched_models(session))
    results = [one(session, model, environment, window) for model in models]
    show(session, results, nothing=NOTHING)
    if window:
        if metrics_file or push:
            session.console.say("no metrics are written: a look at history is not the state of production")
        return exit_code(results)
    try:
        metrics(results, file=metrics_file, push=push)
    except BackendError as error:  # that nobody takes the metrics hides no breach
        click.echo(error_text(error), err=True)
        return exit_code(results) or error.exit_code
    return exit_code(results)


def watched_models(session: Session) -> Iterator[Model]:
    """The models named, or all that are watched. Raises UsageError for a named one that is not."""
    names = session.options.models
    for name in names or session.config.models:
        model = session.model(name)
        if model.drift.current:
            yield model
        elif names:
            where = session.config.where(f"models.{name}")
            raise UsageError(
                f"{name} is not watched: 'drift.current' is not set", where=where, hint="see the page", docs="drift.md"
            )


def one(session: Session, model: Model, environment: str, window: str) -> StageResult:
    """One model: the former answer where it holds still, else a new one, kept and reported."""
    with session.console.step(f"{STAGE} {model.name}") as say:
        former = answered(session, model)
        with suppress(MlopsError):  # whatever is wrong is told as the answer, below
            if former is not None and still(former, Asked.of(session, model, environment, window).stamp):
                say("nothing has changed since the last run")
                return former.result

        def function() -> StageResult:
            asked = Asked.of(session, model, environment, window, reach=reach(model, window, former))
            return judge(session, model, asked, say, former=former)

        with one_run(session):
            result = perform(
                STAGE,
                model.name,
                function,
                workspace=session.workspace,
                origin=Origin(commit=session.git.head(), branch=session.git.branch()),
            )
            reports(session, result)
    return result


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is compared with what. `version` is None where nothing is released."""

    environment: str
    window: str
    version: Version | None
    production: Production
    stamp: str

    @classmethod
    def of(cls, session: Session, model: Model, environment: str, window: str, *, reach: float = 0.0) -> Asked:
        """Found without reading a row, and without a heavy library. `reach` is how many seconds before the newest row
        a database is looked at, 0 for all."""
        name = environment_of(model, environment)
        version = champion(session, model, name)
        rows = wiring.production(model, scratch=session.workspace.scratch(model.name, STAGE), reach=reach)
        asked = [encode(model.drift), name, window, __version__, encode(version) if version else None]
        return cls(
            environment=name,
            window=window,
            version=version,
            production=rows,
            stamp=digest_of([asked, rows.stamp()]),
        )


def reach(model: Model, window: str, former: Former | None) -> float:
    """How many seconds before the newest row a database is asked: as far back as windows are looked at, or the last
    run lies; 0, for everything, where a window is named."""
    drift = model.drift
    if window or drift.window[-1:] not in "mhd":
        return 0.0
    missed = (
        clock.now().timestamp() - former.details.windows[-1].window.begin if former and former.details.windows else 0.0
    )
    return max(seconds(drift.window) * (windows_back(drift) + 1), missed)


def judge(session: Session, model: Model, asked: Asked, say: Say, *, former: Former | None) -> StageResult:
    """Compare. Its libraries are imported here. What came since the former answer about the same model is looked at,
    too, however long ago that is."""
    if asked.version is None:
        reason = f"nothing is released in {asked.environment}, so there is no champion to compare with"
        return StageResult(stage=STAGE, model=model.name, status=Status.SKIPPED, reason=reason)
    scratch = session.workspace.scratch(model.name, STAGE)
    watch = watch_of(session, model, asked, scratch)
    from mlops_ci.stages.drift import drift

    if former is not None and former.details.model_digest == watch.version.model_digest and former.details.windows:
        watch = replace(watch, seen=former.details.windows[-1].window.name)

    return drift(watch, distances=wiring.distances(), scratch=scratch, say=say)


def watch_of(session: Session, model: Model, asked: Asked, scratch: Path) -> Watch:
    """The stage's question, with the champion's reference and its judgement brought."""
    try:
        from mlops_ci.stages.decay import yardstick
        from mlops_ci.stages.drift import Watch
    except ModuleNotFoundError as error:
        raise MissingExtra("drift", str(error.name)) from None
    from mlops_ci.stages.evidence import judged
    from mlops_ci.stages.reference import bring_reference

    version = asked.version
    assert version is not None
    kept = bring_reference(model, version.run_id, version.model_digest, scratch / "reference", tracker=session.tracker)
    release = release_of(version, model)
    return Watch(
        model=model,
        version=version,
        environment=asked.environment,
        kept=kept,
        production=asked.production,
        yardstick=yardstick(model, judged(release, tracker=session.tracker, scratch=scratch / "judged").details),
        now=clock.now(),
        stamp=asked.stamp,
        where=lambda key: session.config.where(f"models.{model.name}.drift" + (f".{key}" if key else "")),
        until=asked.window,
    )


@command.command("reference")
@environment_option
@model_options
def reference(environment: str, **options: Any) -> int:
    """Make the champion's reference anew, and keep it with its run.

    Training data that DVC keeps is brought first. It has to be the data that the champion was trained on.
    """
    from mlops_ci.stages.provide import provide

    session = open_session(common(options))
    models = list(watched_models(session))
    for model in models:
        name = environment_of(model, environment)
        version = champion(session, model, name)
        if version is None:
            raise UsageError(f"nothing is released in {name} for {model.name}", hint="mlops-ci status")
        with one_run(session), session.console.step(f"reference {model.name}") as say:
            named = [*(model.train.data or (item.data for item in model.validate))]
            for path in [*named, *([model.evaluate.holdout] if model.evaluate else [])]:
                provide(model, path, project=session.project, trainer=trainer(session, model), say=say)
            ensure(session, model, version.run_id, version.model_digest, say=say, anew=True)
        session.console.show(f"{model.name}: the reference of version {version.number} is kept with its run")
    if not models:
        session.console.show(NOTHING)
    return 0


@command.command("backtest")
@environment_option
@click.option("--windows", type=click.IntRange(2), default=12, show_default=True, help="How many to replay.")
@click.option("--shuffles", type=click.IntRange(0), default=20, show_default=True, help="Shuffled windows to draw.")
@click.option(
    "--threshold",
    multiple=True,
    metavar="NAME=VALUE",
    help="Try another threshold for a column, or 'prediction'. Can be given several times.",
)
@click.option("--suggest", is_flag=True, help="Write thresholds above what is ordinary into mlops.yaml.")
@model_options
def backtest(
    environment: str, windows: int, shuffles: int, threshold: Sequence[str], suggest: bool, **options: Any
) -> int:
    """Replay windows by the thresholds of the config: when would it have fired, and how often for nothing?

    DuckDB computes all distances. What is ordinary is told by windows whose rows are drawn from those that do not
    breach. Labels take no part.
    """
    from mlops_ci.cli import drift_backtest

    session = open_session(common(options))
    tries = drift_backtest.thresholds(threshold)
    found = []
    for model in watched_models(session):
        with session.console.step(f"backtest {model.name}") as say:
            asked = Asked.of(session, model, environment, "")
            if asked.version is None:
                raise UsageError(f"nothing is released in {asked.environment} for {model.name}", hint="mlops-ci status")
            watch = watch_of(session, model, asked, session.workspace.scratch(model.name, STAGE))
            from mlops_ci.stages import drift_backtest as replay

            watch = replay.tried(watch, tries)
            found.append(replay.backtest(watch, windows=windows, shuffles=shuffles, suggest=suggest, say=say))
        session.console.show("\n".join(drift_backtest.lines(found[-1], model.drift.consecutive)))
        if found[-1].suggestion is not None and not found[-1].suggestion.nothing:
            path = drift_backtest.write(session, model, found[-1].suggestion)
            session.console.show(f"  written to {path.name}")
    if session.console.json:
        session.console.document([encode(item) for item in found])
    if not found:
        session.console.show(NOTHING)
    return 0
