"""What goes wrong around the rows of production: clocks, schedules, sources, and rows that are next to nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_ci.backends.watch import duck_rows
from mlops_ci.backends.watch.production_rows import open_production
from mlops_ci.cli.drift_former import Former, still
from mlops_ci.errors import BackendError, DataError
from mlops_ci.io import clock
from mlops_ci.records.results import Status
from tests.cluster.processes import free_ports
from tests.stages.test_drift import DAYS, START, lookout, moved, timed
from tests.stages.watching import Lookout, checks, column, details, newest, rows

__all__ = ["lookout"]


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is not on UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_rows_of_nothing_but_nulls(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(1000, 9).map(lambda value: None))
    result = lookout.watch(consecutive=1)
    assert result.status is Status.FAILED
    assert "a 100 % (limit 5 %)" in checks(result)["missing values"].message
    assert not any(item.value for item in newest(result).columns), "nothing is no distance"


def test_one_row_can_be_a_window(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(1, 9))
    result = lookout.watch(consecutive=1, min_rows=1)
    assert newest(result).rows == 1
    assert column(result, "a").value is not None


@pytest.mark.usefixtures("new_york")
@pytest.mark.parametrize("form", ["zone", "no zone", "text", "number"])
def test_a_day_is_one_of_utc_wherever_the_machine_is(lookout: Lookout, form: str) -> None:
    frame = timed(3, start=START, zone=True)
    match form:
        case "no zone":
            frame["at"] = frame["at"].dt.tz_localize(None)
        case "text":  # with an offset, as ISO 8601 has it
            frame["at"] = frame["at"].dt.tz_convert("Asia/Kolkata").map(lambda moment: moment.isoformat())
        case "number":
            frame["at"] = frame["at"].dt.tz_localize(None).astype("datetime64[s]").astype("int64")
    lookout.put("rows.parquet", frame)
    found = details(lookout.watch(now=START + timedelta(days=3), **DAYS))
    assert [(item.window.name, item.rows) for item in found.windows] == [
        (f"2026-01-0{day}T00:00:00Z", 300) for day in (1, 2, 3)
    ]
    assert found.newest == "2026-01-03T23:55:12Z"


def test_a_month_that_nobody_looked_is_caught_up_with(lookout: Lookout) -> None:
    """In order and all of it; breaches in a row are those of the newest `history`, whenever it last ran."""
    good, bad = timed(10, start=START), timed(30, start=START + timedelta(days=10))
    bad[["a", "prediction"]] = moved(len(bad), 5)[["a", "prediction"]].to_numpy()
    lookout.put("rows.parquet", pd.concat([good, bad]))
    now = START + timedelta(days=40, hours=1)
    known = details(lookout.watch(now=now, **DAYS))
    assert len(known.windows) == 6
    missed = details(lookout.watch(now=now, seen="2026-01-08T00:00:00Z", **DAYS))
    names = [item.window.name for item in missed.windows]
    assert (names[0], names[-1], len(names)) == ("2026-01-09T00:00:00Z", "2026-02-09T00:00:00Z", 32)
    assert names == sorted(names)
    assert [item.state for item in missed.windows] == ["fine"] * 2 + ["breach"] * 30
    assert missed.signal == known.signal, "another machine answers alike"
    assert missed.signal.consecutive == 6
    assert len(details(lookout.watch(now=now, seen="gone", **DAYS)).windows) == 6


def test_a_clock_that_was_set_back_ends_what_it_said_before(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month ahead it found that nothing comes any more; nothing has changed but the clock."""
    lookout.put("rows.parquet", timed(5, start=START))
    ahead, right = START + timedelta(days=35), START + timedelta(days=5, hours=1)
    result = lookout.watch(now=ahead, **DAYS)
    assert result.status is Status.FAILED
    former = Former(result=result, details=details(result))
    monkeypatch.setattr(clock, "now", lambda: ahead)
    assert still(former, "s")
    assert not still(former, "another")
    monkeypatch.setattr(clock, "now", lambda: right)
    assert not still(former, "s")
    assert lookout.watch(now=right, **DAYS).status is Status.PASSED
    behind = lookout.watch(now=START + timedelta(days=2), **DAYS)
    assert [item.rows for item in details(behind).windows] == [300, 300], "days to come are no windows"
    assert "rows are from the future" in checks(behind)["times"].message


def test_without_the_column_of_times_it_names_those_there_are(lookout: Lookout) -> None:
    lookout.put("rows.parquet", timed(2, start=START).rename(columns={"at": "when"}))
    with pytest.raises(DataError, match=r"no column 'moment' \(drift.time\)") as caught:
        lookout.watch(time="moment", window="1d")
    assert caught.value.hint == "columns: id, a, b, n, c, flag, label, prediction, when"


def test_two_models_share_a_file(tmp_path: Path) -> None:
    """Each against its own reference, with its own copies of what is no Parquet."""
    one = Lookout(home=tmp_path)
    frame = moved(1000, 4)
    one.put("w.csv", frame)
    (tmp_path / "other").mkdir()
    other = Lookout(home=tmp_path / "other", training=moved(4000, 2))
    keys: dict[str, Any] = {"current": str(tmp_path / "production/*.csv"), "consecutive": 1}
    first = one.watch(**keys)
    assert first.status is Status.FAILED
    assert other.watch(**keys).status is Status.PASSED
    assert details(one.watch(**keys)).signal == details(first).signal


def test_files_that_come_twice_are_rows_that_repeat(lookout: Lookout) -> None:
    frame = timed(2, start=START)
    lookout.put("1.parquet", frame)
    lookout.put("2.parquet", frame)
    result = lookout.watch(now=START + timedelta(days=2), consecutive=1, **DAYS)
    assert "50 %" in checks(result)["repeated rows"].message
    assert result.status is Status.FAILED


@pytest.mark.parametrize("source", ["database", "s3"])
def test_a_source_that_is_down_is_no_drift(lookout: Lookout, source: str) -> None:
    """An error with the source's name and without its password."""
    (port,) = free_ports(1)
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_REGION": "us-east-1",
    }
    model = lookout.model(current="s3://rows/*.parquet")
    if source == "database":
        keys = {"table": "rows", "time": "at", "window": "1d"}
        model = lookout.model(current=f"postgresql://ann:hunter2@127.0.0.1:{port}/rows", **keys)
    with pytest.raises(BackendError) as caught:
        open_production(model, environ=environ, scratch=lookout.home / "scratch").stamp()
    said = f"{caught.value.message} {caught.value.hint}"
    assert ("127.0.0.1" in said or "s3://rows" in said) and "hunter2" not in said
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("broken", "red"), [(0, False), (1, False), (2, True), (4, True)])
def test_newer_files_that_nobody_can_read_are_a_breach(lookout: Lookout, broken: int, red: bool) -> None:
    """One may just be written."""
    lookout.put("0.parquet", rows(1000, 9))
    for place in range(broken):
        (lookout.home / f"production/{place + 1}.parquet").write_bytes(b"PAR1 and nothing else")
    result = lookout.watch()
    assert (result.status is Status.FAILED) is red
    assert ("files can't be read" in result.reason) is red
    lookout.put("9.parquet", rows(1000, 10))
    assert lookout.watch().status is Status.PASSED


def test_files_without_a_column_of_times_are_as_old_as_they_are(lookout: Lookout) -> None:
    path = lookout.put("0.parquet", rows(1000, 9))
    written = START + timedelta(days=4)
    os.utime(path, (written.timestamp(), written.timestamp()))
    fresh = lookout.watch(fresh="3d", now=written + timedelta(days=2))
    assert fresh.status is Status.PASSED
    assert details(fresh).again == (written + timedelta(days=3)).timestamp()
    old = lookout.watch(fresh="3d", now=written + timedelta(days=4))
    assert old.status is Status.FAILED
    assert "the newest file that can be read is of 2026-01-0" in old.reason


def test_a_copy_that_was_cut_off_is_not_taken_for_the_whole(lookout: Lookout) -> None:
    """A run was killed while it wrote what it made of a CSV."""
    lookout.put("w.csv", rows(1000, 9))
    keys: dict[str, Any] = {"current": "production/*.csv"}
    first = lookout.watch(**keys)
    (copy,) = (lookout.home / "scratch/rows").glob("*.parquet")
    copy.rename(copy.with_suffix(".new"))
    copy.with_suffix(".new").write_bytes(copy.with_suffix(".new").read_bytes()[:500])
    again = lookout.watch(**keys)
    assert replace(details(again), asked=0) == replace(details(first), asked=0)
    assert [path.suffix for path in (lookout.home / "scratch/rows").iterdir()] == [".parquet"]


def test_infinities_alone_are_no_distance(lookout: Lookout) -> None:
    lookout.put("w.parquet", rows(1000, 9).assign(a=np.inf))
    result = lookout.watch(consecutive=1)
    assert column(result, "a").value is None
    assert "a 100 %" in checks(result)["infinities"].message


def test_times_of_another_century_are_no_window(lookout: Lookout) -> None:
    """The epoch, or the year 9999, where somebody had no time."""
    frame = timed(3, start=START)
    frame["at"] = frame["at"].astype("datetime64[us]")
    frame.loc[frame.index[0], "at"] = datetime(1970, 1, 1)
    frame.loc[frame.index[1], "at"] = datetime(9999, 12, 31)
    frame.loc[frame.index[2], "at"] = pd.NaT
    lookout.put("rows.parquet", frame)
    now = datetime(2026, 1, 4, 1, tzinfo=timezone.utc)
    found = details(lookout.watch(now=now, **DAYS))
    assert [item.rows for item in found.windows][-3:] == [297, 300, 300]
    assert found.newest.startswith("2026-01-03")


def test_numbers_that_are_far_away_are_counted(lookout: Lookout) -> None:
    """Beyond every bin, on both sides, with what is no number among them."""
    frame = rows(1000, 9)
    frame.loc[frame.index[:6], "a"] = [1e300, -1e300, np.inf, -np.inf, np.nan, 1e7]
    lookout.put("w.parquet", frame)
    facts = next(item for item in newest(lookout.watch()).facts if item.name == "a")
    assert (facts.missing, facts.infinite, facts.low, facts.high) == (1, 2, -1e300, 1e300)
    assert facts.outside >= 3
    assert (column(lookout.watch(), "a").value or 0) > 1e290


@pytest.mark.parametrize("copies", [0, 300])
def test_repeated_rows_of_many_are_found_by_a_part_of_them(
    lookout: Lookout, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duck_rows, "LOOKED_AT", 400)
    frame = rows(1700, 9)
    lookout.put("w.parquet", pd.concat([frame, frame.head(copies)]))
    found = newest(lookout.watch()).duplicates
    assert found == (0.0 if not copies else pytest.approx(copies / 2000, abs=0.06))


def test_repeated_rows_without_a_telling_column(lookout: Lookout) -> None:
    lookout.put("w.parquet", pd.DataFrame({"c": ["x", "y"] * 500}))
    assert newest(lookout.watch()).duplicates == pytest.approx(0.998)
