"""`mlops-ci score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.dry_run import dry_run_option
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.rollback import find
from mlops_ci.cli.run_stage import show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import ConfigError, UsageError
from mlops_ci.ports.batch import Wanted
from mlops_ci.records.models import Release
from mlops_ci.records.results import Origin
from mlops_ci.stages import deploy, score
from mlops_ci.stages.perform import perform
from mlops_ci.stages.releases import read_release

DOCS = "score.md#which-release"


@click.command("score")
@click.option(
    "--release", "named", default="", metavar="NAME", help="An environment, MODEL/ENVIRONMENT or a release file."
)
@click.option("--model", "name", default="", metavar="NAME", help="The model; needed where there are several.")
@click.option("--version", default="", metavar="NUMBER", help="A version of the registry, instead of --release.")
@click.option(
    "--input", "source", required=True, metavar="ROWS", help="A path, 'pattern', folder, s3://… or database URL."
)
@click.option("--query", default="", metavar="SQL", help="What to ask the database.")
@click.option("--table", default="", metavar="NAME", help="The database's table, whole.")
@click.option("--output", "place", required=True, metavar="PLACE", help="A folder or a .parquet file, here or s3://….")
@click.option("--keep", default="", metavar="COLUMN,…", help="Columns to carry through to the output.")
@click.option("--keep-all", is_flag=True, help="Carry every column through.")
@click.option("--batch-rows", type=click.IntRange(1), default=None, help="Rows at a time. [default: by the width]")
@click.option("--overwrite", is_flag=True, help="Replace predictions of other rows, or of another release.")
@dry_run_option
@config_options
def command(named: str, name: str, version: str, source: str, place: str, dry_run: bool, **options: Any) -> int:
    """Score many rows with a release: files, S3 or a database, into Parquet.

    Rows are read, predicted and written a batch at a time, in the model's own Python environment. What was killed goes
    on where it was: parts that are there are not scored again.
    """
    wanted = Wanted(
        source=source,
        table=options.pop("table"),
        query=options.pop("query"),
        keep=tuple(word.strip() for word in options.pop("keep").split(",") if word.strip()),
        keep_all=options.pop("keep_all"),
    )
    batch_rows, overwrite = options.pop("batch_rows") or 0, options.pop("overwrite")
    session = open_session(common(options))
    model, release = chosen(session, named, name, version)
    scratch = session.workspace.scratch(model.name, f"score/{digest_of([str(Path.cwd()), place.rstrip('/')])[:16]}")
    order = score.Order(
        model=model,
        release=release,
        rows=wiring.batch_rows(wanted),
        output=wiring.batch_output(place, scratch=scratch),
        batch_rows=batch_rows,
        overwrite=overwrite,
    )
    return tell(session, order, scratch) if dry_run else run(session, order, scratch)


def tell(session: Session, order: score.Order, scratch: Path) -> int:
    """Say what would be done."""
    lines = list(score.dry_run(order, scratch=scratch))
    if session.console.json:
        session.console.document({"plan": lines})
    session.console.show("\n".join(lines))
    return 0


def run(session: Session, order: score.Order, scratch: Path) -> int:
    """Score, keep the result, show it."""
    session.workspace.protect()
    bench = wiring.batch(session.config, scratch=scratch)
    with session.console.step(f"score {order.model.name}") as say:
        result = perform(
            score.STAGE,
            order.model.name,
            lambda: score.score(order, bench, say=say),
            workspace=session.workspace,
            origin=Origin(commit=session.git.head(), branch=session.git.branch()),
        )
    show(session, [result])
    return result.exit_code


def chosen(session: Session, named: str, name: str, version: str) -> tuple[Model, Release]:
    """The model and the release that is meant. Raises UsageError where none is, or two."""
    if bool(named) == bool(version):
        raise UsageError("name what to score with: either --release or --version", docs=DOCS)
    if version:
        return numbered(session, name, version)
    if named.endswith((".yaml", ".yml")):
        release = from_file(Path(named))
        return session.model(release.model), release
    before, _, environment = named.rpartition("/")
    if before and name not in ("", before):
        raise UsageError(f"--release names the model {before}, and --model {name}")
    model, place = find(session, before or name, environment)
    return model, of_environment(session, model, place)


def numbered(session: Session, name: str, version: str) -> tuple[Model, Release]:
    """A version of the registry."""
    model = session.only_model(name)
    found = next((item for item in session.registry.versions(model.name) if item.number == version), None)
    if found is None:
        raise UsageError(f"the registry has no version {version} of {model.name}", hint="mlops-ci status")
    return model, deploy.release_of(found, model)


def from_file(path: Path) -> Release:
    """A release file, from wherever it is. Raises ConfigError."""
    try:
        return release_file.parse(path.read_bytes(), path=str(path))
    except OSError as error:
        raise ConfigError(f"could not read the release file: {error.strerror}", where=str(path)) from None


def of_environment(session: Session, model: Model, place: Environment) -> Release:
    """What git names there; in the first environment, which git names nothing for, what serves or is registered."""
    if place is not model.environments[0]:
        named = read_release(session.config, model.name, place.name, tree=session.project.tree)
        if named is not None:
            return named
    serving = wiring.deployer(session.config, place).serving(model.name, place.name)
    if serving is not None:
        return serving.release
    champion = session.registry.champion(model.name, place.name)
    if champion is None:
        raise UsageError(
            f"nothing is released in {place.name} for {model.name}",
            hint="'mlops-ci status' shows what is; --version takes any version of the registry",
            docs=DOCS,
        )
    return deploy.release_of(champion, model)
