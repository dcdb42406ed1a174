"""Rows on which candidate and champion disagree."""

from __future__ import annotations

import numpy as np

from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.records.evaluation import Flips


def count_flips(problem: Problem, candidate: Scores, champion: Scores) -> Flips:
    """How many rows were mended, broken, or changed without being right before or after.

    In regression a row is mended where its absolute error shrank, broken where it grew. Broken rows are the negative
    flips of Yan et al. (2021), CVPR.
    """
    if problem.task == "regression":
        ours, theirs = (np.abs(scores.prediction - problem.y) for scores in (candidate, champion))
        return Flips(mended=int((ours < theirs).sum()), broken=int((ours > theirs).sum()), other=0, rows=problem.rows)
    right, was_right = (scores.prediction == problem.y for scores in (candidate, champion))
    changed = candidate.prediction != champion.prediction
    return Flips(
        mended=int((right & ~was_right).sum()),
        broken=int((~right & was_right).sum()),
        other=int((changed & ~right & ~was_right).sum()),
        rows=problem.rows,
    )
