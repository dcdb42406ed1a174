"""Whose fault a failing model is: told from what it answers once the missing values are filled in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from mlops_ci.serving.missing import Columns, first_rows, needed
from mlops_ci.serving.values import Array

NAN = np.nan
REQUEST = {"a": np.array([1.0, NAN]), "b": np.array([NAN, NAN]), "c": np.array(["x", None], dtype=object)}


class Told:
    """A model that keeps what it was asked, and always or never answers."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.asked: list[Columns] = []

    def __call__(self, columns: Columns) -> bool:
        self.asked.append(columns)
        return not self.fails


def needing(*names: str) -> Callable[[Columns], bool]:
    """A model that fails where one of these columns lacks a value, or is not there."""
    return lambda columns: all(name in columns and not pd.isna(columns[name]).any() for name in names)


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        (("a",), ("a", 1)),
        (("b",), ("b", 0)),
        (("c",), ("c", 1)),
        (("a", "b", "c"), ("c", 1)),
        (("a", "n"), ("n", 0)),  # `n` was left out
        (("nobody has it",), None),
    ],
)
def test_the_column_that_makes_the_difference_is_named(needs: tuple[str, ...], found: tuple[str, int] | None) -> None:
    assert needed(REQUEST, {"n": np.zeros(2, dtype=np.int64)}, {}, answers=needing(*needs)) == found


def test_a_model_that_fails_on_whole_rows_is_asked_once_at_most() -> None:
    model = Told(fails=True)
    assert needed({"a": np.array([1.0])}, {}, {}, answers=model) is None
    assert not model.asked
    assert needed(REQUEST, {}, {}, answers=model) is None
    assert len(model.asked) == 1


def test_many_columns_are_searched_not_tried_in_turn() -> None:
    columns = {f"c{place}": np.array([NAN]) for place in range(1000)}
    asked: list[Columns] = []

    def answers(filled: Columns) -> bool:
        asked.append(filled)
        return needing("c617")(filled)

    assert needed(columns, {}, {}, answers=answers) == ("c617", 0)
    assert len(asked) <= 12


def test_values_that_the_model_has_answered_fill_in_first() -> None:
    """A text that it does not know would make a model fail that only lacks a text."""
    known = first_rows({"c": np.array(["de", "fr"], dtype=object), "t": np.array([[1.0, NAN], [3.0, 4.0]])})
    request = {"c": np.array([None, "it"], dtype=object), "t": np.array([[NAN, NAN]] * 2)}
    seen: list[Columns] = []

    def answers(filled: Columns) -> bool:
        seen.append(filled)
        return bool(filled["c"][0] == "de")

    assert needed(request, {}, known, answers=answers) == ("c", 0)
    assert seen[0]["c"].tolist() == ["de", "it"]
    np.testing.assert_array_equal(seen[0]["t"], [[1.0, NAN]] * 2)  # what it has answered, missing values too


@pytest.mark.parametrize(
    ("array", "filled"),
    [
        (np.array([None, None], dtype=object), ["", ""]),
        (np.array([None, [1, 2]], dtype=object), [[1, 2], [1, 2]]),
        (np.array(["NaT", "2026-01-31"], dtype="datetime64[ns]"), [pd.Timestamp("2026-01-31").value] * 2),
        (np.array(["NaT"], dtype="datetime64[ns]"), [0]),
        (np.array([[NAN, 2.0], [3.0, NAN]]), [[2.0, 2.0], [3.0, 2.0]]),
    ],
)
def test_any_type_is_filled(array: Array, filled: list[object]) -> None:
    model = Told(fails=False)
    assert needed({"x": array}, {}, {}, answers=model) == ("x", 0)
    assert model.asked[0]["x"].tolist() == filled
    assert model.asked[0]["x"].dtype == array.dtype
