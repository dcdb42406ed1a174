"""The rows that are judged on, and what a model said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_ci.evaluation.ranks import Ranks, rank

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]


class Undefined(ValueError):
    """A metric has no value on these rows; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The truth. `y` (n,): class codes into `classes`, or numbers. `positive`: the code of the positive class of a
    binary problem. `groups` (n,): cluster codes from 0, or None where rows are independent."""

    task: str
    y: npt.NDArray[Any]
    classes: tuple[str, ...] = ()
    positive: int = 1
    groups: Codes | None = None

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def binary(self) -> bool:
        return self.task == "classification" and len(self.classes) == 2

    @cached_property
    def truth(self) -> npt.NDArray[np.bool_]:
        """Whether each row is of the positive class (n,)."""
        return np.asarray(self.y == self.positive)

    def part(self, rows: npt.NDArray[Any]) -> Problem:
        """The problem on some rows (a mask or positions); clusters are numbered anew."""
        groups = None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1]
        return Problem(task=self.task, y=self.y[rows], classes=self.classes, positive=self.positive, groups=groups)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a model said. `prediction` (n,): class codes or numbers. `probability`: (n,) of the positive class for a
    binary problem, (n, k) for k classes, or None for a model that gives labels only."""

    prediction: npt.NDArray[Any]
    probability: npt.NDArray[Any] | None = None
    _ranks: dict[int, tuple[Problem, Ranks]] = field(default_factory=dict, compare=False, repr=False)

    def ranks(self, problem: Problem) -> Ranks:
        """The rows by the probability of the positive class of a binary problem; sorted once however many ask."""
        if id(problem) not in self._ranks:
            assert self.probability is not None
            # The problem is kept beside: while it lives nobody else has its id.
            self._ranks[id(problem)] = (problem, rank(problem.truth, self.probability))
        return self._ranks[id(problem)][1]

    def ranked_as(self, problem: Problem, ranks: Ranks) -> Scores:
        """These scores, with a ranking that is known already."""
        self._ranks[id(problem)] = (problem, ranks)
        return self

    def part(self, rows: npt.NDArray[Any]) -> Scores:
        """What was said about some rows."""
        return Scores(
            prediction=self.prediction[rows],
            probability=None if self.probability is None else self.probability[rows],
        )
