"""Parts of the holdout: does the candidate lose more there than is allowed? Holm keeps the family's error."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_ci.evaluation.metrics import METRICS, compute
from mlops_ci.evaluation.paired import Paired, difference
from mlops_ci.evaluation.problem import Codes, Floats, Problem, Scores, Undefined
from mlops_ci.evaluation.ranks import code_kind
from mlops_ci.evaluation.side_by_side import side_by_side
from mlops_ci.records.evaluation import SliceResult

MISSING = "(missing)"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One way to cut: `codes` (n,) into `values`; −1 is in no slice."""

    by: str
    metric: str
    max_drop: float
    min_rows: int
    codes: Codes
    values: tuple[str, ...]


def by_value(values: npt.NDArray[Any]) -> tuple[Codes, tuple[str, ...]]:
    """(codes (n,), names): a slice for each value (n,); missing values are a slice of their own."""
    names, codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    return codes, tuple(map(str, names))


def by_quantile(values: Floats, count: int) -> tuple[Codes, tuple[str, ...]]:
    """(codes (n,), names): `count` bins of about equal size of values (n,). Equal numbers are never torn apart, so
    there may be fewer. NaN is a slice. Edges are quantiles by linear interpolation: definition 7 of Hyndman & Fan
    (1996), Am. Statist. 50:361."""
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, count + 1))) if known.any() else np.array([0.0])
    inner = edges[1:-1]
    codes = np.searchsorted(inner, values, side="left")
    names = [f"{edges[i]:.6g} … {edges[i + 1]:.6g}" for i in range(len(edges) - 1)] or [f"{edges[0]:.6g}"]
    if not known.all():
        codes = np.where(known, codes, len(names))
        names.append(MISSING)
    return codes, tuple(names)


def assess_slices(
    problem: Problem,
    candidate: Scores,
    champion: Scores | None,
    cuts: Sequence[Cut],
    *,
    confidence: float = 0.95,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[SliceResult, ...]:
    """Every slice of every cut, the worst first.

    A slice fails if the one-sided test of *drop > max_drop* is significant after Holm's correction over all slices
    tested (Holm 1979, Scand. J. Statist. 6:65), so that noise in small slices fails nobody. Without a champion
    nothing is tested.
    """
    found = [
        result
        for cut in cuts
        for result in _cut(problem, candidate, champion, cut, confidence, (options or {}).get(cut.metric, {}))
    ]
    adjusted = iter(holm([item.p_value for item in found if item.tested and item.p_value is not None]))
    done = []
    for item in found:
        if item.tested and item.p_value is not None:
            p_value = next(adjusted)
            done.append(replace(item, p_value=p_value, failed=p_value < 1 - confidence))
        else:
            done.append(item)
    return tuple(sorted(done, key=_worst_first))


def _worst_first(item: SliceResult) -> tuple[bool, bool, float]:
    return not item.failed, not item.tested, -(item.drop if item.drop is not None else -np.inf)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979, Scand. J. Statist. 6:65)."""
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def rows_by_code(codes: Codes, count: int) -> list[Codes]:
    """The rows of each code, by one stable sort."""
    small = codes.astype(code_kind(count))
    order = np.argsort(small, kind="stable")
    ends = np.searchsorted(small, np.arange(-1, count), side="right", sorter=order)
    return [order[start:end] for start, end in itertools.pairwise(ends)]


def _cut(
    problem: Problem,
    candidate: Scores,
    champion: Scores | None,
    cut: Cut,
    confidence: float,
    options: Mapping[str, Any],
) -> list[SliceResult]:
    found = [item for item in zip(cut.values, rows_by_code(cut.codes, len(cut.values)), strict=True) if len(item[1])]
    rows = [own for _, own in found]
    problems = [problem.part(own) for own in rows]
    models = [candidate] if champion is None else [candidate, champion]
    ranked = METRICS[cut.metric].ranks
    ours, *rest = side_by_side(
        lambda m: _parts(problem, m, rows, problems, ranked(problem, m)), models, rows=problem.rows
    )
    theirs = rest[0] if rest else [None] * len(rows)
    return side_by_side(
        lambda at: _slice(found[at][0], problems[at], ours[at], theirs[at], cut, confidence, options),
        range(len(found)),
        rows=problem.rows,
    )


def _parts(problem: Problem, scores: Scores, rows: list[Codes], problems: list[Problem], ranked: bool) -> list[Scores]:
    """What a model said about the rows of each slice; a ranking of all rows becomes one of each slice, unsorted."""
    parts = [scores.part(own) for own in rows]
    if ranked:
        for part, own, ranks in zip(parts, problems, scores.ranks(problem).parts(rows), strict=True):
            part.ranked_as(own, ranks)
    return parts


def _slice(
    value: str,
    part: Problem,
    ours: Scores,
    theirs: Scores | None,
    cut: Cut,
    confidence: float,
    options: Mapping[str, Any],
) -> SliceResult:
    empty = SliceResult(
        by=cut.by,
        value=value,
        metric=cut.metric,
        rows=part.rows,
        candidate=None,
        champion=None,
        drop=None,
        low=None,
        high=None,
        p_value=None,
        max_drop=cut.max_drop,
        tested=False,
        failed=False,
        flipped=0 if theirs is None else int((ours.prediction != theirs.prediction).sum()),
    )
    try:
        own = compute(cut.metric, part, ours, options)
        if theirs is None:
            return replace(empty, candidate=own[0])
        other = compute(cut.metric, part, theirs, options)
    except Undefined as error:
        return replace(empty, reason=str(error))
    paired = difference(cut.metric, part, (ours, theirs), (own, other), confidence)
    drop = paired.turned() if METRICS[cut.metric].higher_is_better else paired
    return _tested(replace(empty, candidate=own[0], champion=other[0]), drop, cut)


def _tested(found: SliceResult, drop: Paired, cut: Cut) -> SliceResult:
    """The drop with its interval, and where there are enough rows, and an interval, the one-sided test."""
    found = replace(found, drop=drop.value, low=drop.around.low, high=drop.around.high, reason=drop.reason)
    if found.rows < cut.min_rows or drop.error is None:
        return found
    return replace(found, tested=True, p_value=drop.chance_beyond(cut.max_drop))
