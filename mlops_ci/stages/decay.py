"""The metric on rows whose truth has arrived, against the holdout's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_ci.config.types import MetricSpec, Model
from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.decay import unpaired, worse
from mlops_ci.evaluation.problem import Problem, Scores, Undefined
from mlops_ci.ports.drift import Labelled, Watched
from mlops_ci.records.drift import Decay, MetricSeen, Window, WindowResult
from mlops_ci.records.evaluation import EvaluationDetails, Interval, MetricResult
from mlops_ci.stages.contest import in_order, positive_of
from mlops_ci.stages.drift_signal import told, windows_back


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What a window's metric is held against. `reason` says why there is nothing to hold it against."""

    spec: MetricSpec | None = None
    label: str = ""
    classes: tuple[str, ...] = ()
    holdout: MetricResult | None = None
    reason: str = ""

    @property
    def asked(self) -> bool:
        """Whether there is a metric at all."""
        return self.spec is not None


def yardstick(model: Model, judged: EvaluationDetails | None) -> Yardstick:
    """The metric of `drift.labels.metric`, or the first of `evaluate.metrics`, with the champion's value of it."""
    evaluate, labels = model.evaluate, model.drift.labels
    if evaluate is None or not evaluate.metrics:
        return Yardstick(reason="no metric is configured")
    spec = next((item for item in evaluate.metrics if item.name == labels.metric), evaluate.metrics[0])
    label = labels.label or evaluate.label
    if spec.function:
        return Yardstick(reason=f"{spec.name} is a metric of your own, which is not measured in production")
    if judged is None:
        return Yardstick(spec=spec, label=label, reason="the champion's judgement is not to be had")
    found = next((item for item in judged.metrics if item.metric == spec.name), None)
    reason = "" if found is not None else f"the champion was not judged by {spec.name}"
    return Yardstick(spec=spec, label=label, classes=judged.classes, holdout=found, reason=reason)


def measure(model: Model, watched: Watched, window: Window, by: Yardstick, *, before: Decay | None) -> Decay | None:
    """The decay in one window; None where no metric is asked for, or nobody has said that labels would come.

    `before` is the last good window's."""
    if by.spec is None:
        return None
    positive = ""
    if model.task == "classification" and by.classes and model.evaluate is not None:
        positive = positive_of(model.evaluate, by.classes)
    group = model.evaluate.group if model.evaluate else ""
    found = watched.labelled(window, task=model.task, label=by.label, positive=positive, group=group)
    if isinstance(found, str):
        # Nobody has said that labels would come: there is nothing to be told.
        return _silent(by, 0, 0, found) if model.drift.labels.data else None
    if len(found.truth) < model.drift.min_rows:
        reason = f"{len(found.truth):,} rows have a label; {model.drift.min_rows:,} are needed"
        return _silent(by, len(found.truth), found.rows, reason)
    try:
        result = _assess(model, found, by, positive)
    except (Undefined, ValueError) as error:
        return _silent(by, len(found.truth), found.rows, str(error) or "it has no value on these rows")
    return _against(model, by, found, result, before)


def late_metrics(
    model: Model, watched: Watched, windows: Sequence[Window], results: Sequence[WindowResult], by: Yardstick
) -> list[MetricSeen]:
    """The metric of older windows, the oldest first, where too few of the newest have labels to decide anything.

    No more than decide are looked for, and not further back than labels may reasonably be late."""
    drift = model.drift
    counted = results[-drift.history :]
    wanted = drift.consecutive - sum(told(item.decay) for item in counted)
    if by.spec is None or not counted or wanted <= 0:
        return []
    names = [window.name for window in windows]
    first = names.index(counted[0].window.name)
    known = {item.window.name: item.decay for item in results}
    found: list[MetricSeen] = []
    for window in reversed(windows[max(0, first + drift.history - windows_back(drift)) : first]):
        decay = known[window.name] if window.name in known else measure(model, watched, window, by, before=None)
        if decay is not None and told(decay):
            found.append(MetricSeen(window=window.name, decay=decay))
        if len(found) == wanted:
            break
    return found[::-1]


def _silent(by: Yardstick, labelled: int, rows: int, reason: str) -> Decay:
    assert by.spec is not None
    higher = by.holdout.higher_is_better if by.holdout else True
    return Decay(metric=by.spec.name, higher_is_better=higher, labelled=labelled, rows=rows, reason=reason)


def _assess(model: Model, found: Labelled, by: Yardstick, positive: str) -> MetricResult:
    assert by.spec is not None
    confidence = model.drift.labels.confidence
    if model.task == "regression":
        problem = Problem(task=model.task, y=found.truth, groups=found.groups)
        scores = Scores(prediction=found.answer)
        return assess(by.spec.name, problem, scores, confidence=confidence, options=by.spec.options)
    names = {*map(str, found.truth), *map(str, found.answer), *by.classes, *(found.probability or {})}
    classes = in_order(names)
    problem = Problem(
        task=model.task,
        y=_codes(found.truth, classes),
        classes=classes,
        positive=classes.index(positive) if positive in classes else 1,
        groups=found.groups,
    )
    scores = Scores(prediction=_codes(found.answer, classes), probability=_shares(found, problem))
    return assess(by.spec.name, problem, scores, confidence=confidence, options=by.spec.options)


def _codes(values: Any, classes: tuple[str, ...]) -> Any:
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[str(value)] for value in values], dtype=np.int32)


def _shares(found: Labelled, problem: Problem) -> Any:
    if found.probability is None:
        return None
    nothing = np.zeros(len(found.truth))
    if problem.binary:
        return found.probability.get(problem.classes[problem.positive], nothing)
    return np.column_stack([found.probability.get(name, nothing) for name in problem.classes])


def _against(model: Model, by: Yardstick, found: Labelled, result: MetricResult, before: Decay | None) -> Decay:
    labels, holdout = model.drift.labels, by.holdout
    difference, since, earlier = None, None, None
    if holdout is not None:
        difference = unpaired(
            result.candidate,
            holdout.candidate,
            confidence=labels.confidence,
            now_at=result.confidence,
            then_at=holdout.confidence,
        )
    if before is not None and before.current is not None:
        earlier = before.current
        since = unpaired(
            result.candidate,
            earlier,
            confidence=labels.confidence,
            now_at=labels.confidence,
            then_at=labels.confidence,
        )
    higher = result.higher_is_better
    return Decay(
        metric=result.metric,
        higher_is_better=higher,
        labelled=len(found.truth),
        rows=found.rows,
        current=result.candidate,
        holdout=holdout.candidate if holdout else None,
        difference=difference,
        before=earlier,
        since=since,
        decayed=difference is not None and worse(difference, higher_is_better=higher, margin=labels.margin),
        reason=by.reason or _no_interval(difference),
    )


def _no_interval(difference: Interval | None) -> str:
    if difference is None or difference.low is not None:
        return ""
    return "these rows, or the holdout, are too few for an interval, so nothing is decided by them"
