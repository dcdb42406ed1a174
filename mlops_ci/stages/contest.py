"""Candidate and champions on the same rows: who they are, and what they answered, as the mathematics takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_ci.config.types import Evaluate, Model
from mlops_ci.errors import ConfigError, MlopsError
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.ports.holdouts import Coded, HoldoutRows, PredictedRows
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import Asked
from mlops_ci.ports.tracking import Registry
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.models import Candidate, Version
from mlops_ci.stages.rules import environments_of
from mlops_ci.stages.scoring import Bench, Scored, Subject, environment_of, predictions_of

MOST_CLASSES = 1000


@dataclass(frozen=True, kw_only=True)
class Opponent:
    """The champion of one environment. No version: there is none. `broken` says why it could not be scored."""

    environment: str
    version: Version | None = None
    scored: Scored | None = None
    scores: Scores | None = None
    broken: str = ""
    identical: bool = False


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Everybody's answers on one problem. `main` is the champion that the report compares with."""

    problem: Problem
    positive: str
    candidate: Scores
    own: Scored
    opponents: Mapping[str, Opponent]
    main: Opponent


def unusable(holdout: HoldoutRows, task: str) -> str:
    """Why nothing can be judged on these rows, or ''."""
    if holdout.rows == 0:
        return "the holdout has no rows"
    missing = np.asarray(holdout.label.codes < 0 if task == "classification" else ~np.isfinite(holdout.label))
    if missing.any():
        what = "missing" if task == "classification" else "missing or infinite"
        return f"the label is {what} in {int(missing.sum()):,} of {holdout.rows:,} rows"
    if task == "classification" and len(holdout.label.names) == 1:
        return f"the label holds one class only ('{holdout.label.names[0]}')"
    if task == "classification" and len(holdout.label.names) > MOST_CLASSES:
        return f"the label has {len(holdout.label.names):,} classes; if it is a number, set 'task: regression'"
    if task == "regression" and holdout.label.min() == holdout.label.max():
        return f"the label is constant ({holdout.label[0]:g})"
    return ""


def hold(
    model: Model,
    candidate: Candidate,
    holdout: HoldoutRows,
    *,
    interpreter: Callable[[], Interpreter],
    registry: Registry,
    bench: Bench,
    say: Say,
) -> Contest:
    """Score the candidate and every champion a gate names.

    Raises StageFailed where the candidate can't be scored. A champion that can't be scored raises nothing.
    """
    assert model.evaluate is not None
    known = in_order(holdout.label.names) if model.task == "classification" else ()
    positive = positive_of(model.evaluate, known) if known else ""
    asked = Asked(task=model.task, label=model.evaluate.label, group=model.evaluate.group, positive=positive)

    def scored(role: str, run_id: str, digest: str, find: Callable[[], Interpreter]) -> Scored:
        subject = Subject(role=role, run_id=run_id, model_digest=digest, interpreter=find)
        return predictions_of(model, subject, holdout=holdout, asked=asked, classes=known, bench=bench, say=say)

    own = scored("candidate", candidate.run_id, candidate.model_digest, interpreter)
    found: dict[str, Opponent] = {}
    for environment in environments_of(model):
        version = registry.champion(model.name, environment)
        found[environment] = _opponent(environment, version, candidate, own, model, bench, say, scored)
    return _coded(model, holdout, own, list(found.values()), known, positive)


def _opponent(
    environment: str,
    version: Version | None,
    candidate: Candidate,
    own: Scored,
    model: Model,
    bench: Bench,
    say: Say,
    scored: Callable[[str, str, str, Callable[[], Interpreter]], Scored],
) -> Opponent:
    if version is None:
        return Opponent(environment=environment)
    if version.model_digest == candidate.model_digest:
        return Opponent(environment=environment, version=version, scored=own, identical=True)
    role = f"champion-{environment}"

    def rebuilt() -> Interpreter:
        return environment_of(version.run_id, bench, bench.workspace.scratch(model.name, role), say)

    try:
        answers = scored(role, version.run_id, version.model_digest, rebuilt)
    except MlopsError as error:
        broken = f"the champion of {environment} (version {version.number}) could not be scored: {error}"
        return Opponent(environment=environment, version=version, broken=broken)
    return Opponent(environment=environment, version=version, scored=answers)


def _coded(
    model: Model,
    holdout: HoldoutRows,
    own: Scored,
    opponents: Sequence[Opponent],
    known: tuple[str, ...],
    positive: str,
) -> Contest:
    """Labels and answers of all as codes into one list of classes."""
    answers = [own, *(item.scored for item in opponents if item.scored is not None)]
    if model.task == "regression":
        problem = Problem(task=model.task, y=holdout.label, groups=holdout.groups)
    else:
        classes = in_order({*known, *(name for scored in answers for name in _names(scored.rows))})
        positive = positive if len(classes) == 2 else ""
        problem = Problem(
            task=model.task,
            y=_codes(holdout.label, classes),
            classes=classes,
            positive=classes.index(positive) if positive else 1,
            groups=holdout.groups,
        )
    candidate = _scores(own.rows, problem)
    coded = [_with_scores(item, own, candidate, problem) for item in opponents]
    return Contest(
        problem=problem,
        positive=positive,
        candidate=candidate,
        own=own,
        opponents={item.environment: item for item in coded},
        main=coded[0],
    )


def _with_scores(item: Opponent, own: Scored, candidate: Scores, problem: Problem) -> Opponent:
    if item.scored is None:
        return item
    scores = candidate if item.scored is own else _scores(item.scored.rows, problem)
    return Opponent(
        environment=item.environment,
        version=item.version,
        scored=item.scored,
        scores=scores,
        identical=item.identical,
    )


def _names(rows: PredictedRows) -> Iterator[str]:
    yield from rows.prediction.names
    yield from rows.probability or ()


def in_order(names: Sequence[str] | set[str]) -> tuple[str, ...]:
    """Class names sorted, numbers as numbers."""
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names))


def positive_of(evaluate: Evaluate, classes: tuple[str, ...]) -> str:
    """The positive one of two classes: as configured, else 1, true or yes, else the last; '' of more classes.

    Raises ConfigError where what is configured is no class, or one of many.
    """
    if evaluate.positive and len(classes) > 2:
        raise ConfigError(
            f"evaluate.positive is set, but '{evaluate.label}' has {len(classes)} classes",
            hint="leave it out: with more than two classes each is compared with the rest",
            docs="evaluation.md#classification",
        )
    if len(classes) > 2:
        return ""
    if evaluate.positive:
        spelled = {"true": "1", "false": "0"}.get(evaluate.positive.lower(), evaluate.positive)
        for name in (evaluate.positive, spelled):
            if name in classes:
                return name
        raise ConfigError(
            f"evaluate.positive is '{evaluate.positive}', but the classes of '{evaluate.label}' are "
            f"{', '.join(classes)}",
            docs="evaluation.md#classification",
        )
    return next((name for name in classes if name.lower() in ("1", "true", "yes")), classes[-1])


def _codes(coded: Coded, classes: tuple[str, ...]) -> Any:
    """Codes into `classes`."""
    return np.array([classes.index(name) for name in coded.names], dtype=np.int32)[coded.codes]


def _scores(rows: PredictedRows, problem: Problem) -> Scores:
    if problem.task == "regression":
        return Scores(prediction=rows.prediction)
    prediction = _codes(rows.prediction, problem.classes)
    if rows.probability is None:
        return Scores(prediction=prediction)
    nothing = np.zeros(len(prediction))
    if problem.binary:
        return Scores(
            prediction=prediction, probability=rows.probability.get(problem.classes[problem.positive], nothing)
        )
    return Scores(
        prediction=prediction,
        probability=np.column_stack([rows.probability.get(name, nothing) for name in problem.classes]),
    )
