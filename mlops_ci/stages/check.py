"""Look at everything a config names before anything is run: no data is pulled, nothing is imported or trained."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from mlops_ci.config.types import Config, Model
from mlops_ci.digests.imports import import_checks
from mlops_ci.digests.paths import ancestors
from mlops_ci.digests.sources import Project
from mlops_ci.errors import ConfigError, MlopsError, PipelineError
from mlops_ci.records.results import Check, Severity, Status
from mlops_ci.stages.inputs import model_inputs
from mlops_ci.stages.producers import full_path, producer

LIKELY = (".py", "dvc.yaml", "dvc.lock", ".dvc", "params.yaml", ".txt", ".toml", ".dvcignore", ".dvc/config")
MANY = 1_000  # files; a repository with more of them is read as asked


def check_config(config: Config, models: Sequence[Model], project: Project | None, *, today: date) -> tuple[Check, ...]:
    """Findings on these models; without a repository only what can be told without one. Overrides expire by `today`."""
    if project is not None:
        _read_at_once(project)
    found = [item for model in models for item in (*_model(config, model, project), *_rules(config, model, today))]
    return (*found, *(_releases(config, project) if project is not None else ()))


def _releases(config: Config, project: Project) -> Iterator[Check]:
    """The release files, where there are any: the first that is not as mlops-ci wrote it, or how many there are."""
    from mlops_ci.stages.releases import read_releases

    try:
        count = len(read_releases(config, tree=project.tree))
    except ConfigError as error:
        yield _failed("releases", f"{error.message} ({error.hint})", error.where)
    else:
        if count:
            yield Check(name="releases", status=Status.PASSED, message=f"{count} as mlops-ci wrote them")


def _rules(config: Config, model: Model, today: date) -> Iterator[Check]:
    """Only what is wrong: most models have no overrides to speak of."""
    from mlops_ci.stages.rules import verify_rules

    try:
        verify_rules(model, today=today, where=config.where)
    except ConfigError as error:
        yield _failed(f"{model.name} rules", f"{error.message} ({error.hint})", error.where)


def _read_at_once(project: Project) -> None:
    """What is likely to be asked for, in one call of git instead of one a file."""
    likely = [path for path in project.tree.paths() if path.endswith(LIKELY)]
    if len(likely) <= MANY:
        project.tree.prefetch(likely)


def _model(config: Config, model: Model, project: Project | None) -> Iterator[Check]:
    prefix = f"models.{model.name}"
    for index, dataset in enumerate(model.validate):
        place = config.where(f"{prefix}.validate[{index}]")
        yield _suite(model, dataset.suite, place)
        if project is not None and "://" not in dataset.data:
            yield _known(model, dataset.data, "data", place, project)
    if project is not None:
        yield from _packages(config, model, project)
        yield _try("pipeline", model, config.where(f"{prefix}.train"), lambda: _pipeline(model, project))
        yield from _dvc(model, project, config.where(f"{prefix}.train"))
        yield from _imports(model, project)
        if model.evaluate is not None:
            place = config.where(f"{prefix}.evaluate.holdout")
            yield _known(model, model.evaluate.holdout, "holdout", place, project)
        if model.retrain.holdout:
            place = config.where(f"{prefix}.retrain.holdout")
            yield _known(model, model.retrain.holdout, "newest holdout", place, project)
    if model.evaluate is None:
        text = "nothing is evaluated: add 'evaluate:' with a holdout, metrics and gates"
        yield _warned(f"{model.name} evaluate", text, config.where(prefix))


def _pipeline(model: Model, project: Project) -> str:
    inputs = model_inputs(model, project)
    names = ", ".join(item.name for item in inputs.stages)
    return f"{model.train.pipeline}: {names} (inputs {inputs.digest[:12]})"


def _dvc(model: Model, project: Project, place: str) -> Iterator[Check]:
    """Only what is wrong: training would say so as well, but after the data was validated."""
    pipeline = full_path(model, model.train.pipeline, project)
    if not any(folder in project.dvc_roots for folder in ancestors(pipeline)):
        message = "DVC is not set up in this repository (dvc init && git add .dvc .dvcignore)"
        yield _failed(f"{model.name} DVC", message, place)


def _packages(config: Config, model: Model, project: Project) -> Iterator[Check]:
    """An image is built of what files describe; a pipeline that can't be read says so itself."""
    if not model.build.get("image"):
        return
    from mlops_ci.stages.build import require_files

    place = config.where(f"models.{model.name}.train.environment")
    with contextlib.suppress(PipelineError):
        try:
            require_files(model, model_inputs(model, project).environment, where="")
        except ConfigError as error:
            yield _failed(f"{model.name} build", f"{error.message} ({error.hint})", place)


def _imports(model: Model, project: Project) -> Iterator[Check]:
    """Modules that stages import and do not declare; a pipeline that can't be read has said so already."""
    with contextlib.suppress(MlopsError):
        inputs = model_inputs(model, project)
        for item in import_checks(project.tree, inputs, model.train.undeclared_imports):
            yield dataclasses.replace(item, name=f"{model.name} {item.name}")


def _suite(model: Model, suite: str, place: str) -> Check:
    name = f"{model.name} suite {suite}"
    try:
        document = json.loads(model.at(suite).read_text("utf-8"))
        count = len(document["expectations"])
    except FileNotFoundError:
        return _failed(name, "there is no such file; 'mlops-ci suggest-suite DATA' writes a first one", place)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _failed(name, f"not a suite: {type(error).__name__}: {error}", place)
    if count == 0:
        return _failed(name, "the suite expects nothing, so any data would pass", place)
    return Check(name=name, status=Status.PASSED, message=f"{count} expectations", where=place)


def _known(model: Model, path: str, what: str, place: str, project: Project) -> Check:
    """Data has to come from somewhere: git, DVC, or a stage."""
    name = f"{model.name} {what} {path}"
    full = full_path(model, path, project)
    try:
        if project.tree.exists(full):
            return Check(name=name, status=Status.PASSED, message="in git", where=place)
        if (stage := producer(model, path, project)) is not None:
            return Check(name=name, status=Status.PASSED, message=f"written by stage '{stage.name}'", where=place)
        if project.tracked(project.dvc_root(full)).around(full):
            return Check(name=name, status=Status.PASSED, message="tracked by DVC", where=place)
    except MlopsError as error:
        return _failed(name, str(error), place)
    if any(model.directory.glob(path)):
        return _failed(name, "on this disk only, so nothing names its content: 'dvc add' or 'git add' it", place)
    return _failed(name, "in neither git nor DVC, and no stage writes it", place)


def _try(what: str, model: Model, place: str, look: Callable[[], str]) -> Check:
    name = f"{model.name} {what}"
    try:
        return Check(name=name, status=Status.PASSED, message=look(), where=place)
    except MlopsError as error:
        return _failed(name, f"{error}" + (f" ({error.hint})" if error.hint else ""), place)


def _failed(name: str, message: str, where: str) -> Check:
    return Check(name=name, status=Status.FAILED, message=message, where=where)


def _warned(name: str, message: str, where: str) -> Check:
    return Check(name=name, status=Status.FAILED, severity=Severity.WARN, message=message, where=where)
