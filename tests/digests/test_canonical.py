"""One text for one value: no order shows, and no two values share a text."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_ci.digests.canonical import canonical, digest_of

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.dates(),
    st.binary(max_size=3),
)
keys = st.one_of(st.text(max_size=3), st.integers(0, 3), st.booleans(), st.none())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(item) for key, item in reversed(value.items())}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def identity(value: Any) -> Any:
    """What makes a value that value: types too, since 1, 1.0 and true are equal in Python."""
    if isinstance(value, dict):
        return frozenset((identity(key), identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return ("list", *map(identity, value))
    return (type(value).__name__, repr(value))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(values)
def test_no_order_shows(value: Any) -> None:
    assert canonical(value) == canonical(reversed_keys(value))


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(values, values)
def test_no_two_values_share_a_text(one: Any, two: Any) -> None:
    assert (canonical(one) == canonical(two)) == (identity(one) == identity(two))


def test_spellings() -> None:
    assert canonical({"b": (1, 2.0), "a": {3, 1}, 1: None, "é": True}) == (
        '{"\\u00001":null,"a":{"\\u0000set":["1","3"]},"b":[1,2.0],"\\u00e9":true}'
    )
    assert canonical(datetime.date(2026, 1, 2)) == '{"\\u0000date":"2026-01-02"}'
    assert digest_of([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
