"""Replayed windows: when it fires, what chance does, and thresholds above that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_ci.cli.drift_backtest import edited, lines, suggested, thresholds
from mlops_ci.errors import UsageError
from mlops_ci.records.backtest import Backtest, Suggestion
from mlops_ci.stages.drift_backtest import backtest, tried
from tests.stages.test_drift import moved
from tests.stages.watching import Lookout, rows

FOUND = Suggestion(columns={"a": 0.2, "dep delay": 0.31}, prediction_threshold=0.15)


def replay(lookout: Lookout, *, suggest: bool = False, shuffles: int = 6, **keys: Any) -> Backtest:
    return backtest(lookout.asked(**keys), windows=12, shuffles=shuffles, suggest=suggest, say=lambda line: None)


def test_it_tells_when_it_would_have_fired_and_how_often_by_chance(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path)
    for place, make in enumerate([rows, moved, rows, moved, moved, moved, rows]):
        lookout.put(f"{place}.parquet", make(1000, place + 20))
    found = replay(lookout)
    assert found.states == ("fine", "breach", "fine", "breach", "breach", "breach", "fine")
    assert [(item.window, item.lasted) for item in found.fired] == [("production/4.parquet", 2)]
    assert (found.shuffled, found.false_alarms) == (6, 0)
    told = "\n".join(lines(found, 2))
    assert "fires at 4.parquet, and stays for 2 windows" in told
    assert "0 of 6 shuffled windows breach" in told
    assert replay(lookout) == found, "the same rows, the same answer"


def test_thresholds_below_what_is_ordinary_are_raised(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path)
    for place in range(4):
        lookout.put(f"{place}.parquet", rows(400, place + 20, shift=0.3))
    keys: dict[str, Any] = {"threshold": 0.02, "share": 1.0, "prediction_threshold": 0.5}
    found = replay(lookout, suggest=True, **keys)
    assert found.suggestion is not None
    assert found.suggestion.prediction_threshold is None, "high enough"
    assert found.suggestion.columns
    again = replay(lookout, **{**keys, "columns": found.suggestion.columns})
    limits = {item.name: item.threshold for item in again.columns}
    assert all((item.noise or 0) < limits[item.name] for item in again.columns)
    nothing = replay(lookout, suggest=True, **{**keys, "columns": found.suggestion.columns}).suggestion
    assert nothing is not None
    assert nothing.nothing
    assert list(suggested(nothing)) == ["  suggested: nothing, all thresholds are above what is ordinary"]


def test_thresholds_are_tried_without_a_word_in_the_config(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path)
    for place in range(3):
        lookout.put(f"{place}.parquet", rows(1000, place + 20))
    watch = tried(lookout.asked(), thresholds(["a=0.7", "prediction=0.0001"]))
    found = backtest(watch, windows=3, shuffles=0, suggest=False, say=lambda line: None)
    limits = {item.name: item.threshold for item in found.columns}
    assert limits["a"] == 0.7
    assert limits["b"] < 0.7
    assert watch.drift.prediction_threshold == 0.0001
    told = "\n".join(lines(replay(lookout, shuffles=0), 2))
    assert "since no shuffled windows were drawn" in told
    with pytest.raises(UsageError, match="no column 'A'") as caught:
        tried(watch, {"A": 1.0})
    assert "columns: " in caught.value.hint
    for wrong in ("a", "a=x", "=1", "a=-1", "a=nan"):
        with pytest.raises(UsageError, match="is not NAME=VALUE"):
            thresholds([wrong])


def test_where_every_window_breaches_nobody_knows_what_chance_does(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path)
    lookout.put("1.parquet", moved(1000, 1))
    lookout.put("2.parquet", moved(1000, 2))
    found = replay(lookout, suggest=True)
    assert (found.shuffled, found.suggestion) == (0, None)
    assert "not known, since no window is fine" in "\n".join(lines(found, 2))


def test_what_is_suggested_is_written_between_a_persons_lines() -> None:
    text = "models:\n  m:\n    drift:  # production\n      current: x\n\n      share: 0.4  # ours\n    redact: []\n"
    made = edited(text, 3, FOUND)
    assert yaml.safe_load(made)["models"]["m"] == {
        "drift": {
            "current": "x",
            "share": 0.4,
            "prediction_threshold": 0.15,
            "columns": {"a": 0.2, "dep delay": 0.31},
        },
        "redact": [],
    }
    assert [line for line in made.splitlines() if line in text.splitlines()] == text.splitlines()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("m:\n  drift: {current: x}\n", 2, "not written as a block"),
        ("m:\n  drift:\n    columns: {b: 1}\n", 2, "'drift.columns' is set already"),
    ],
)
def test_what_can_not_be_written_is_left_to_a_person(text: str, line: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        edited(text, line, FOUND)
