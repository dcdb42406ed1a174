"""Whose fault it is that a model raised: the client's, where the model answers once a missing value is filled in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from mlops_ci.serving.values import Array

Columns = Mapping[str, Array]


def first_rows(columns: Columns) -> Columns:
    """The first row of each column, of a request that the model answered: what it can take."""
    return {name: array[:1].copy() for name, array in columns.items()}


def needed(
    columns: Columns, absent: Columns, known: Columns, *, answers: Callable[[Columns], bool]
) -> tuple[str, int] | None:
    """(column, first row that lacks a value) without which the model fails; None where that is not why it failed.

    `absent` are the columns that the request does not have, of any values. `answers` tells whether the model
    answers; it does not answer `columns`. `known` is a row that it has answered. The columns are filled one more at a
    time, halving as a search does: the one that makes the difference is named.
    """
    lacking = {name: mask for name, array in columns.items() if (mask := pd.isna(array)).any()}
    lacking |= {name: np.ones(array.shape, dtype=bool) for name, array in absent.items()}
    whole = {**absent, **columns}
    filled = {name: _filled(whole[name], mask, known.get(name)) for name, mask in lacking.items()}
    names = list(filled)
    if not names or not answers({**columns, **filled}):
        return None

    def enough(last: int) -> bool:
        return answers({**columns, **{name: filled[name] for name in names[: last + 1]}})

    found = names[bisect_left(range(len(names) - 1), True, key=enough)]
    mask = lacking[found]
    return found, int(mask.reshape(len(mask), -1).any(axis=1).argmax())


def _filled(array: Array, mask: Array, known: Array | None) -> Array:
    """Missing values replaced: by what the model has answered, else by the first that is there, else by zero or ''."""
    if known is None or known.shape[1:] != array.shape[1:]:
        known = array[~mask][:1]
    if not len(known):
        known = np.array([""], dtype=object) if array.dtype.kind == "O" else np.zeros(1, dtype=array.dtype)
    filled: Array = np.where(mask, known, array)
    return filled
