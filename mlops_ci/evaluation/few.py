"""What few rows can say: how many are needed for an interval, and what is known where no row tells two models apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mlops_ci.evaluation.metrics import METRICS, RANKED
from mlops_ci.evaluation.problem import Codes, Problem, Scores

LEAST = 10
FLAT = 1e-12


def units(problem: Problem) -> float:
    """How many independent units there are: rows, or clusters.

    Unequal clusters count as (Σn)²/Σn² equal ones (Kish 1965, *Survey Sampling*, on unequal weights; for clusters cf.
    Carter, Schnepel & Steigerwald 2017, Rev. Econ. Stat. 99:698).
    """
    if problem.groups is None:
        return float(problem.rows)
    sizes = np.bincount(problem.groups).astype(np.float64)
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def shortage(name: str, problem: Problem, models: Sequence[Scores]) -> str:
    """Why there are too few independent units for an interval of this metric, or ''.

    A variance estimated from a handful of units may be zero by chance, and then looks like certainty. So an interval
    needs ten units; where a metric is a share of a part of the rows (the positives, say), ten in that part. Ten is a
    convention; Brown, Cai & DasGupta (2001), Statist. Sci. 16:101, show how estimated variances fail on few rows.
    """
    what = "rows" if problem.groups is None else "groups"
    count = problem.rows if problem.groups is None else int(problem.groups.max()) + 1
    if count < LEAST:
        return f"an interval needs {LEAST} independent {what}, and there are {count}"
    if (worth := units(problem)) < LEAST:
        return (
            f"an interval needs {LEAST} independent groups, and these differ so in size that they count as {worth:.1f}"
        )
    for part, mask in _parts(name, problem, models):
        if (held := _held(mask, problem.groups)) < LEAST:
            return f"an interval needs {LEAST} {what} {part}, and there are {held}"
    return ""


def _held(mask: npt.NDArray[np.bool_], groups: Codes | None) -> int:
    return int(np.count_nonzero(mask if groups is None else np.bincount(groups[mask])))


def counted(name: str, problem: Problem) -> list[int]:
    """The codes of the classes a metric is made of: the positive one, or all that occur (macro average)."""
    if problem.binary and name in ("precision", "recall", "f1"):
        return [problem.positive]
    return [code for code in range(len(problem.classes)) if np.any(problem.y == code)]


def _parts(name: str, problem: Problem, models: Sequence[Scores]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """(words, rows) of each part of the rows that the metric is a share of."""
    part = METRICS[name].part
    for code in counted(name, problem) if part else ():
        if part == "calls":
            for scores in models:
                yield f"predicted '{problem.classes[code]}'", np.asarray(scores.prediction == code)
        else:
            yield f"of class '{problem.classes[code]}'", np.asarray(problem.y == code)


def alike(ours: Scores, theirs: Scores) -> bool:
    """Whether two models say the same on every row."""
    if not np.array_equal(ours.prediction, theirs.prediction):
        return False
    if ours.probability is None or theirs.probability is None:
        return ours.probability is theirs.probability
    return np.array_equal(ours.probability, theirs.probability)


def unmoved_error(name: str, problem: Problem, scores: Scores, value: float) -> float | None:
    """Standard error of a difference that is zero on every row although the models differ; None: nothing is known.

    As if two units more had been seen, that one of the models gets right and the other wrong, one either way: what
    Bonett & Price (2012) add to each discordant cell, carried over to shares of a part, and to ranks, where it is a
    row that passes all rows of the other classes. With t₄ the reach is 3.9/units; the exact bound, 1 − 0.025^(1/units),
    is 3.7/units.
    """
    kind, part = METRICS[name].kind, METRICS[name].part
    if kind != "hits" and not part:
        return None
    if kind == "hits":
        return float(np.sqrt(2.0)) / units(problem)
    ranked = name in RANKED
    codes = [problem.positive] if ranked and problem.binary else counted(name, problem)
    squares = 0.0
    for code in codes:
        own, said = float((problem.y == code).mean()), float((scores.prediction == code).mean())
        if name == "f1":
            squares += ((2 - value) ** 2 + value**2) / (own + said) ** 2
        elif ranked:
            squares += 2 / own**2 + 2 / (1 - own) ** 2
        else:
            squares += 2 / (said if part == "calls" else own) ** 2
    return float(np.sqrt(squares)) / len(codes) / units(problem)
