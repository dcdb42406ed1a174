"""Windows of production against a reference, by real DuckDB: what breaches, what only warns, what is too little."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_ci.config.types import Guards, Labels
from mlops_ci.errors import DataError, UsageError
from mlops_ci.records.results import Severity, Status
from mlops_ci.report import drift_html, drift_markdown, drift_metrics, terminal
from tests.stages.watching import Lookout, checks, column, details, newest, rows

Frame = pd.DataFrame


@pytest.fixture
def lookout(tmp_path: Path) -> Lookout:
    return Lookout(home=tmp_path)


def moved(count: int, seed: int) -> Frame:
    """Rows whose answers move, too."""
    frame = rows(count, seed)
    frame["a"] += 1.0
    frame["prediction"] = 1 / (1 + np.exp(-(frame["a"] - frame["b"])))
    return frame


def spoilt(change: Callable[[Frame], object]) -> Frame:
    frame = rows(1000, 9)
    found = change(frame)
    return found if isinstance(found, Frame) else frame


def nulls(frame: Frame) -> None:
    frame.loc[frame.index[:500], "a"] = np.nan


def infinite(frame: Frame) -> None:
    frame.loc[3, "a"] = np.inf


def unseen(frame: Frame) -> None:
    frame.loc[frame.index[:30], "c"] = "q"


def empty_column(frame: Frame) -> None:
    frame["a"] = np.nan


def text(frame: Frame) -> None:
    frame["a"] = [f"{value:.2f}€" for value in frame["a"]]


def number_for_text(frame: Frame) -> None:
    frame["c"] = np.arange(len(frame))


def renamed(frame: Frame) -> Frame:
    return frame.rename(columns={"a": "A"})


def repeated(frame: Frame) -> Frame:
    return pd.concat([frame, frame.head(500)])


def constant(frame: Frame) -> None:
    frame["a"] = 0.25


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        (nulls, "missing values", "a 50 % (limit 5 %)"),
        (infinite, "infinities", "a 0.1 % (limit 0 %)"),
        (unseen, "unseen categories", "c 3 % (limit 1 %)"),
        (empty_column, "missing values", "a 100 %"),
        (text, "types", "a 100 %"),
        (number_for_text, "types", "c 100 %"),
        (renamed, "columns", "a is not there"),
        (repeated, "repeated rows", "33.3 % (limit 5"),
    ],
)
def test_rows_that_are_wrong_breach(lookout: Lookout, change: Callable[[Frame], object], check: str, told: str) -> None:
    lookout.put("w.parquet", spoilt(change))
    result = lookout.watch(consecutive=1)
    found = checks(result)[check]
    assert found.red, checks(result)
    assert told in found.message
    assert result.status is Status.FAILED
    assert newest(result).band >= 2
    assert details(result).signal.breach


def test_a_constant_column_is_drift_and_no_error(lookout: Lookout) -> None:
    lookout.put("w.parquet", spoilt(constant))
    result = lookout.watch()
    assert column(result, "a").drifted
    assert checks(result)["drifted columns"].status is Status.PASSED, "one of five is less than the limit"


def test_a_constant_reference_raises_no_alarm(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path, training=rows(4000, 1).assign(b=2.0))
    lookout.put("w.parquet", rows(1000, 9).assign(b=2.0))
    assert column(lookout.watch(), "b").value == 0.0


def test_limits_are_the_configs(lookout: Lookout) -> None:
    lookout.put("w.parquet", spoilt(nulls))
    assert lookout.watch(consecutive=1, guards=Guards(nulls=0.6)).status is Status.PASSED


@pytest.mark.parametrize("count", [0, 1, 199])
def test_a_window_with_too_few_rows_says_nothing(lookout: Lookout, count: int) -> None:
    """It neither breaches nor breaks a row of breaches."""
    lookout.put("1.parquet", moved(1000, 2))
    lookout.put("2.parquet", moved(1000, 3).head(count))
    lookout.put("3.parquet", moved(1000, 4))
    result = lookout.watch()
    assert [item.state for item in details(result).windows] == ["breach", "unjudged", "breach"]
    assert details(result).signal.consecutive == 2
    assert result.status is Status.FAILED
    assert any("too few to be judged" in note for note in details(result).notes)


def test_nothing_but_an_empty_window(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(0, 1))
    result = lookout.watch()
    assert result.status is Status.SKIPPED
    assert "no window with enough rows" in result.reason


def test_columns_that_drift_alone_only_warn(lookout: Lookout) -> None:
    """Both columns move together, so that the answers stay what they were."""
    lookout.put("w.parquet", rows(2000, 8, shift=0.7))
    result = lookout.watch(consecutive=1)
    found = checks(result)["drifted columns"]
    assert (found.status, found.severity) == (Status.FAILED, Severity.WARN)
    assert "neither predictions nor metric moved" in found.message
    assert result.status is Status.PASSED
    assert lookout.watch(consecutive=1, covariate="fail").status is Status.FAILED


def test_where_nobody_can_tell_whether_answers_moved_drift_counts(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(2000, 8, shift=0.7).drop(columns=["prediction", "label"]))
    result = lookout.watch(consecutive=1)
    assert result.status is Status.FAILED
    assert "can't be told" in checks(result)["drifted columns"].message


def test_what_matters_most_comes_first(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(2000, 8, shift=0.7).assign(c="z"))
    names = [item.name for item in newest(lookout.watch()).columns]
    assert names[:3] == ["a", "b", "c"] or names[:2] == ["a", "c"]
    ranks = [item.rank or 0.0 for item in newest(lookout.watch()).columns]
    assert ranks == sorted(ranks, reverse=True)


def test_small_windows_do_not_drift_by_chance(lookout: Lookout) -> None:
    """Twelve of 300 rows, without any drift; one that does drift is seen all the same."""
    for place in range(12):
        lookout.put(f"{place:02}.parquet", rows(300, place + 1000))
    told = {}
    for chance in (0.0, 0.99):
        windows = details(lookout.watch(chance=chance, history=12)).windows
        told[chance] = sum(item.drifted for one in windows for item in (*one.columns, *one.predictions))
    assert told[0.0] >= 6
    assert told[0.99] <= 2, "of 72 comparisons, one in a hundred"
    lookout.put("12.parquet", moved(300, 50))
    known = column(lookout.watch(), "a")
    assert known.drifted
    assert known.threshold == known.chance
    assert 0.1 < known.threshold < 0.3


def test_breaches_in_a_row_are_counted_from_the_data_alone(lookout: Lookout) -> None:
    for place, make in enumerate([rows, moved, rows, moved]):
        lookout.put(f"{place}.parquet", make(1000, place + 20))
    result = lookout.watch()
    assert (details(result).signal.consecutive, result.status) == (1, Status.PASSED)
    assert not any(check.red for check in result.checks), "a first breach warns"
    lookout.put("4.parquet", moved(1000, 30))
    result = lookout.watch()
    signal = details(result).signal
    assert (signal.consecutive, result.status) == (2, Status.FAILED)
    assert signal.windows == ("production/3.parquet", "production/4.parquet")
    assert signal.columns == ("prediction",)
    again = details(lookout.watch()).signal
    assert again == signal, "the same rows, the same signal"
    assert details(lookout.watch(until="2")).signal.consecutive == 0
    assert details(lookout.watch(until="1.par")).windows[-1].window.name == "production/1.parquet"


def test_a_window_that_is_not_there_is_told_with_those_that_are(lookout: Lookout) -> None:
    lookout.put("2026-01.parquet", rows(500, 1))
    with pytest.raises(UsageError, match="no window '2027'") as caught:
        lookout.watch(until="2027")
    assert "2026-01.parquet" in caught.value.hint


def timed(days: int, per_day: int = 300, *, start: datetime, zone: bool = False) -> Frame:
    """So many rows a day, evenly."""
    frame = rows(days * per_day, 77)
    step = timedelta(days=1) / per_day
    frame["at"] = pd.Series([start + place * step for place in range(len(frame))])
    return frame if zone else frame.assign(at=frame["at"].dt.tz_localize(None))


START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS: dict[str, Any] = {"time": "at", "window": "1d"}


@pytest.mark.parametrize("form", ["zone", "no zone", "csv"])
def test_windows_of_time(lookout: Lookout, form: str) -> None:
    frame = timed(5, start=START, zone=form == "zone")
    lookout.put("rows.csv" if form == "csv" else "rows.parquet", frame)
    keys = {**DAYS, "current": "production/*"}
    result = lookout.watch(now=START + timedelta(days=4, hours=1), **keys)
    found = details(result)
    assert [item.window.name for item in found.windows] == [f"2026-01-0{day}T00:00:00Z" for day in range(1, 5)]
    assert [item.rows for item in found.windows] == [300] * 4, "the day that is not over is left out"
    assert result.status is Status.PASSED
    assert found.again == (START + timedelta(days=5)).timestamp(), "then the next window is over"


@pytest.mark.parametrize(("days", "red"), [(7, False), (9, True)])
def test_silence_is_a_breach_of_its_own(lookout: Lookout, days: int, red: bool) -> None:
    lookout.put("rows.parquet", timed(5, start=START))
    result = lookout.watch(now=START + timedelta(days=days), **DAYS)
    fresh = next(check for check in result.checks if check.name == "fresh")
    assert fresh.red is red
    assert result.status is (Status.FAILED if red else Status.PASSED)
    assert details(result).again == (0.0 if red else (START + timedelta(days=8)).timestamp()) or not red


def test_rows_from_the_future_are_told_and_hide_no_silence(lookout: Lookout) -> None:
    """A time zone jumps, or the clock was set back."""
    frame = timed(5, start=START)
    frame.loc[frame.index[-10:], "at"] += timedelta(days=30)
    lookout.put("rows.parquet", frame)
    result = lookout.watch(now=START + timedelta(days=9), **DAYS)
    assert "10 rows are from the future" in checks(result)["times"].message
    assert result.status is Status.FAILED, "the newest row that can be true is four days old"


def test_windows_of_rows(lookout: Lookout) -> None:
    lookout.put("1.parquet", rows(700, 1))
    lookout.put("2.parquet", rows(900, 2))
    found = details(lookout.watch(window="500 rows"))
    assert [(item.window.name, item.rows) for item in found.windows] == [
        ("rows 1 to 500", 500),
        ("rows 501 to 1000", 500),
        ("rows 1001 to 1500", 500),
    ]


def test_a_half_written_file_is_left_out_and_named(lookout: Lookout) -> None:
    lookout.put("1.parquet", rows(1000, 1))
    whole = lookout.put("2.parquet", rows(1000, 2))
    whole.write_bytes(whole.read_bytes()[:2000])
    result = lookout.watch()
    assert [item.window.name for item in details(result).windows] == ["production/1.parquet"]
    assert any("2.parquet is not readable as Parquet" in note for note in details(result).notes)
    (lookout.home / "production/1.parquet").unlink()
    with pytest.raises(DataError, match="no file of 'production/"):
        lookout.watch()


def test_files_of_another_schema_are_compared_as_far_as_they_go(lookout: Lookout) -> None:
    lookout.put("1.parquet", rows(1000, 1))
    lookout.put("2.parquet", pd.DataFrame({"z": range(1000)}))
    result = lookout.watch(consecutive=1)
    assert "a is not there" in checks(result)["columns"].message
    assert result.status is Status.FAILED


def test_a_metric_decays_with_labels_that_come_late(lookout: Lookout) -> None:
    """Labels lie elsewhere and are joined by key; the truth has turned round."""
    frame = rows(3000, 40)
    lookout.put("w.parquet", frame.drop(columns="label"))
    truth = frame[["id"]].assign(label=1 - frame["label"])
    labels = Labels(data="labels.parquet", key="id", metric="roc_auc")
    late = lookout.watch(consecutive=1, holdout=0.76, labels=labels)
    assert "no label has arrived: there is no file 'labels.parquet'" in checks(late)["metric"].message
    assert late.status is Status.PASSED
    truth.head(1500).to_parquet(lookout.home / "labels.parquet")
    result = lookout.watch(consecutive=1, holdout=0.76, labels=labels)
    decay = newest(result).decay
    assert decay is not None
    assert (decay.labelled, decay.rows, decay.decayed) == (1500, 3000, True)
    assert result.status is Status.FAILED
    assert newest(result).band == 3
    truth.assign(label=frame["label"]).to_parquet(lookout.home / "labels.parquet")
    assert lookout.watch(consecutive=1, holdout=0.76, labels=labels).status is Status.PASSED


def test_a_window_whose_answers_are_lost_is_not_fine(lookout: Lookout) -> None:
    """A column was renamed: that is no recovery."""
    for place in range(2):
        lookout.put(f"{place}.parquet", moved(1000, place + 20))
    lookout.put("2.parquet", rows(1000, 30).rename(columns={"prediction": "answer"}))
    result = lookout.watch()
    assert [item.state for item in details(result).windows] == ["breach", "breach", "unjudged"]
    assert (result.status, details(result).signal.consecutive) == (Status.FAILED, 2)
    assert any("2.parquet holds no predictions, as other windows do" in note for note in details(result).notes)


def test_names_that_there_are_not_are_told(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(1000, 20).assign(other=1))
    told = details(lookout.watch(columns={"flagg": 0.1}, ignore=("other", "zzz"))).notes
    assert "drift.columns names 'flagg', and there is no such column; did you mean 'flag'?" in told
    assert "drift.ignore names 'zzz', and there is no such column" in told
    assert not any("other" in note for note in told)
    assert "not inputs of the model, and not watched: id, other" in details(lookout.watch()).notes
    with pytest.raises(DataError, match=r"no column 'predicted' \(drift.prediction\)") as caught:
        lookout.watch(prediction="predicted")
    assert caught.value.hint == "did you mean 'prediction'?"


@pytest.mark.parametrize("name", ["w.parquet", "w.csv"])
def test_probabilities_are_held_against_probabilities(tmp_path: Path, name: str) -> None:
    """The model answers with classes, and the rows hold the probability of the positive one."""
    lookout = Lookout(home=tmp_path, classes=True, positive="1")
    keys: dict[str, Any] = {"current": f"production/{name}", "consecutive": 1}
    lookout.put(name, rows(2000, 9))
    result = lookout.watch(**keys)
    (found,) = newest(result).predictions
    assert (found.value or 1) < 0.1
    assert result.status is Status.PASSED
    lookout.put(name, moved(2000, 9))
    (found,) = newest(lookout.watch(**keys)).predictions
    assert found.drifted
    frame = rows(2000, 9)
    lookout.put(name, frame.assign(prediction=(frame["prediction"] > 0.5).astype(int)))
    (found,) = newest(lookout.watch(**keys)).predictions
    assert (found.value or 1) < 0.1, "classes are held against classes"


def test_without_probabilities_to_compare_with_it_says_so(tmp_path: Path) -> None:
    lookout = Lookout(home=tmp_path, classes=True)
    lookout.put("w.parquet", rows(2000, 9))
    result = lookout.watch(consecutive=1)
    assert result.status is Status.PASSED
    assert "mlops-ci drift reference" in checks(result)["predictions"].message


def late_labels(lookout: Lookout, *, windows: int, fell: tuple[int, ...], labelled: int) -> Labels:
    """Windows of which the first ones have labels, some of them turned round."""
    truth = []
    for place in range(windows):
        frame = rows(1000, place + 60)
        lookout.put(f"{place:02}.parquet", frame.drop(columns="label"))
        truth.append(frame[["id"]].assign(label=1 - frame["label"] if place in fell else frame["label"]))
    pd.concat(truth[:labelled]).to_parquet(lookout.home / "labels.parquet")
    return Labels(data="labels.parquet", key="id")


@pytest.mark.parametrize("windows", [6, 12])
def test_a_metric_that_fell_stays_fallen_until_labels_say_otherwise(lookout: Lookout, windows: int) -> None:
    """The newest windows have none yet; of twelve the labelled ones lie further back than is looked."""
    labels = late_labels(lookout, windows=windows, fell=(3, 4), labelled=5)
    result = lookout.watch(holdout=0.76, labels=labels)
    signal = details(result).signal
    assert (signal.windows, signal.metric, signal.band) == (
        ("production/03.parquet", "production/04.parquet"),
        "roc_auc",
        3,
    )
    assert result.status is Status.FAILED
    assert "roc_auc fell" in result.reason
    assert any(check.name == "metric" and check.red for check in result.checks)
    assert newest(result).state == "fine"
    labels = late_labels(lookout, windows=windows, fell=(3, 4), labelled=6)
    recovered = lookout.watch(holdout=0.76, labels=labels)
    assert (recovered.status, details(recovered).signal.consecutive) == (Status.PASSED, 0)


def test_the_servers_own_windows_are_read(lookout: Lookout) -> None:
    """Answers of another model are not the champion's."""
    frame = moved(1000, 5).rename(columns={"prediction": "mlops_prediction"})
    frame["mlops_model_digest"] = ["d" * 64, "e" * 64] * 500
    frame.loc[frame["mlops_model_digest"] == "e" * 64, "mlops_prediction"] = 0.0
    lookout.put("w.parquet", frame)
    (found,) = newest(lookout.watch()).predictions
    assert found.name == "mlops_prediction"
    assert found.value is not None
    assert found.value < 2, "the zeros are left out"


def test_every_report_tells_it_and_escapes_it(lookout: Lookout) -> None:
    lookout.put("1.parquet", moved(1000, 2))
    lookout.put("2.parquet", moved(1000, 3).assign(**{"<img src=x>|`": 1}))
    result = lookout.watch(holdout=0.76)
    said = terminal.render([result], width=120)
    assert "2 of 2 windows in a row breach" in " ".join(said.split())
    written = drift_markdown.render(result)
    assert "DRIFT" in written
    assert r"\<img" in written
    assert " <img" not in written
    page = drift_html.render(result)
    assert "<img" not in page
    assert page.count("<svg") >= 6
    assert page == drift_html.render(result)
    lines = drift_metrics.render([result], now=12.0).splitlines()
    assert 'mlops_ci_drift_breach{model="m",environment="production",version="7"} 1.0' in lines
    assert 'mlops_ci_drift_last_run_seconds{model="m"} 12.0' in lines
    failed = dataclasses.replace(result, status=Status.ERROR, details={})
    assert drift_metrics.render([failed], now=12.0).splitlines()[-1] == 'mlops_ci_drift_ok{model="m"} 0.0'
