"""Production in S3 and in databases: the same windows and the same numbers as of a file, counted where the rows are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from pyarrow import fs

from mlops_ci.backends.data import spool
from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.backends.watch.production_rows import open_production
from mlops_ci.config.types import Labels
from mlops_ci.errors import DataError
from mlops_ci.evaluation.distances import fine
from mlops_ci.ports.drift import Rules, Watched
from mlops_ci.records.results import Status
from mlops_ci.stages.decay import Yardstick
from tests.backends.object_store import BUCKET, bucket, s3
from tests.backends.postgres import postgres
from tests.stages.test_drift import START, moved, timed
from tests.stages.watching import Lookout, details

__all__ = ["postgres", "s3"]
pytestmark = [pytest.mark.slow]
DATABASES = ["sqlite", "postgresql"]
NOW = START + timedelta(days=4, hours=1)
DAYS: dict[str, Any] = {"time": "at", "window": "1d"}
METHODS = [("wasserstein", "jensenshannon"), ("psi", "psi")]


@pytest.fixture
def lookout(tmp_path: Path) -> Lookout:
    """Training data that is awkward: a long tail, and a column without a value here and there. The model answers with
    classes, and production holds probabilities."""
    training = moved(3000, 1)
    training["b"] = np.sinh(1.5 * training["b"])
    training.loc[training.index[:300], "c"] = None
    return Lookout(home=tmp_path, training=training, classes=True, positive="1")


def production() -> pd.DataFrame:
    """Four days and a bit; the last ones drift, with whatever numbers and texts can be."""
    frame = timed(5, start=START)
    frame["b"] = np.sinh(1.4 * frame["b"])
    frame.loc[frame.index[600:], "a"] += 1.0
    frame["n"] = frame["n"].astype(float)
    frame.loc[frame.index[::7], ["a", "c", "n"]] = None
    frame.loc[frame.index[350:356], "b"] = [1e7, -3.0, np.nan, 5e-324, np.inf, -np.inf]
    frame.loc[frame.index[400:420], "c"] = "new: 100 %"
    frame.loc[frame.index[420:425], "c"] = "it's"
    return pd.concat([frame, frame.tail(40)])


def put(lookout: Lookout, kind: str, frame: pd.DataFrame, place: Path, *, append: bool = False) -> str:
    """Into a table; its URL."""
    url = "sqlite:///d.db" if kind == "sqlite" else f"postgresql://ann:hunter2@/postgres?host={place}"
    if kind == "sqlite":
        sqlite3.connect(lookout.home / "d.db").close()
    address = SqlSource(url=url, directory=lookout.home, table="x").address
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    frame.to_sql("Seen rows", engine, index=False, if_exists="append" if append else "replace")
    return url


@pytest.fixture(params=DATABASES)
def asked(request: pytest.FixtureRequest, lookout: Lookout) -> dict[str, Any]:
    """What is asked of the rows in a database."""
    place = request.getfixturevalue("postgres") if request.param == "postgresql" else lookout.home
    url = put(lookout, request.param, production(), place)
    return {**DAYS, "current": url, "table": "Seen rows"}


def opened(lookout: Lookout, keys: dict[str, Any], reach: float = 0.0) -> Any:
    model = lookout.model(**keys)
    source = open_production(model, environ=os.environ, scratch=lookout.home / "scratch", reach=reach)
    kept = lookout.kept()
    return source.open(kept.reference, kept.sample, now=NOW.timestamp(), say=lambda line: None)


def rules(method: str, category: str) -> Rules:
    return Rules(method=method, category_method=category, threshold=0.1, prediction_threshold=0.1, columns={"a": 0.01})


def found(watched: Watched) -> Iterator[Any]:
    """Of every window and method; types are spelled differently by everyone."""
    for window in watched.windows():
        for methods in METHODS:
            compared = watched.compare(window, rules(*methods))
            facts = [replace(item, dtype="") for item in compared.facts]
            yield window.name, replace(compared, facts=tuple(facts))


def test_a_database_counts_as_duckdb_does(
    lookout: Lookout, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fact is the same, every distance within the last digits, and no row is fetched for it."""
    lookout.put("w.parquet", production())
    assert fine(lookout.training["b"].to_numpy()).scale, "bins grow with the distance from the middle"
    with opened(lookout, DAYS) as watched:
        expected = list(found(watched))
    monkeypatch.setattr(spool, "_answers", lambda source: pytest.fail("rows were fetched"))
    with opened(lookout, asked) as watched:
        told = list(found(watched))
    assert [name for name, _ in told] == [name for name, _ in expected]
    assert len(told) == 2 * 4
    for (_, ours), (name, theirs) in zip(told, expected, strict=True):
        assert ours.facts == theirs.facts, name
        for field in ("rows", "newest", "duplicates", "extra", "future"):
            assert getattr(ours, field) == pytest.approx(getattr(theirs, field)), (name, field)
        for one, other in zip((*ours.columns, *ours.predictions), (*theirs.columns, *theirs.predictions), strict=True):
            assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-12), (name, one.name, one.method)
            assert (one.drifted, one.reason) == (other.drifted, other.reason)
            assert one.shares == other.shares


def test_a_query_and_a_window_by_name(lookout: Lookout, asked: dict[str, Any]) -> None:
    keys = {**asked, "table": "", "query": "select * from \"Seen rows\" where c <> 'it''s' and c not like 'new: %'; "}
    result = lookout.watch(now=NOW, until="2026-01-02", **keys)
    known = details(result)
    assert [item.window.name[:10] for item in known.windows] == ["2026-01-01", "2026-01-02"]
    assert known.windows[1].rows < 300
    assert "hunter2" not in str(result)


def test_only_windows_within_reach_are_looked_for(lookout: Lookout, asked: dict[str, Any]) -> None:
    with opened(lookout, asked, reach=2 * 86400.0) as watched:
        names = [window.name[:10] for window in watched.windows()]
        assert watched.newest() == "2026-01-05T02:00:00Z", "an hour ahead of the clock is no other day's"
    assert names == ["2026-01-03", "2026-01-04"]


def test_a_sample_is_seeded_and_evidently_sees_its_own(lookout: Lookout, asked: dict[str, Any]) -> None:
    drawn = []
    with opened(lookout, asked) as watched:
        window = watched.windows()[1]
        for place, seed in enumerate([0, 0, 1]):
            count = watched.sampled(window, lookout.home / str(place), rows=200, seed=seed)
            assert 150 <= count <= 200
            drawn.append(pd.read_parquet(lookout.home / str(place) / "window.parquet"))
        assert watched.sampled(window, lookout.home / "whole", rows=1000, seed=0) == 300
    assert drawn[0].equals(drawn[1]) and not drawn[0].equals(drawn[2])
    assert set(drawn[0]) == {"a", "b", "n", "c", "flag", "prediction"}


def test_labels_come_late_into_a_database_or_a_file(lookout: Lookout, asked: dict[str, Any]) -> None:
    by = lookout.asked(now=NOW, holdout=0.76, **asked)
    assert isinstance(by.yardstick, Yardstick)
    whole = details(lookout.watch(now=NOW, holdout=0.76, **asked)).windows[0].decay
    assert whole is not None and (whole.labelled, whole.rows) == (300, 300)
    production()[["id", "label"]].head(250).to_parquet(lookout.home / "labels.parquet")
    labels = Labels(data="labels.parquet", key="id", metric="roc_auc")
    some = details(lookout.watch(now=NOW, holdout=0.76, labels=labels, **asked)).windows[0].decay
    assert some is not None and (some.labelled, some.rows) == (250, 300)


def test_shuffled_windows_come_from_a_database_too(lookout: Lookout, asked: dict[str, Any]) -> None:
    with opened(lookout, asked) as watched:
        windows = watched.windows()[:2]
        first, again = (watched.shuffled(windows, rules(*METHODS[0]), rows=300, seed=3) for _ in range(2))
        assert first == again
        assert 200 < first.rows <= 300
        whole = watched.shuffled(windows, rules(*METHODS[0]), rows=10_000, seed=3)
    assert whole.rows == 600


def test_a_source_that_went_silent_is_told_with_its_last_row(lookout: Lookout, asked: dict[str, Any]) -> None:
    """However little of the past is looked at."""
    model = lookout.model(**asked)
    watch = lookout.asked(now=START + timedelta(days=60), **asked)
    source = open_production(model, environ=os.environ, scratch=lookout.home / "scratch", reach=7 * 86400.0)
    result = lookout.judged(replace(watch, production=source))
    assert result.status is Status.FAILED
    assert "the newest row is of 2026-01-05T23:55:12Z" in result.reason


def test_times_may_be_texts_with_offsets(lookout: Lookout, postgres: Path) -> None:
    """What is none is an error of the data, told by the database."""
    frame = timed(3, start=START, zone=True)
    frame["at"] = frame["at"].dt.tz_convert("Asia/Kolkata").map(lambda moment: moment.isoformat())
    url = put(lookout, "postgresql", frame, postgres)
    keys = {**DAYS, "current": url, "table": "Seen rows"}
    assert [item.rows for item in details(lookout.watch(now=NOW, **keys)).windows] == [300] * 3
    put(lookout, "postgresql", frame.head(1).assign(at="yesterday at noon, or so"), postgres, append=True)
    with pytest.raises(DataError, match="invalid input syntax") as caught:
        lookout.watch(now=NOW, **keys)
    assert "hunter2" not in str(caught.value)


def test_new_rows_change_the_stamp(lookout: Lookout, asked: dict[str, Any], postgres: Path) -> None:
    model = lookout.model(**asked)
    before = open_production(model, environ=os.environ, scratch=lookout.home / "scratch").stamp()
    assert before == open_production(model, environ=os.environ, scratch=lookout.home / "scratch").stamp()
    kind = "sqlite" if model.drift.current.startswith("sqlite") else "postgresql"
    put(lookout, kind, timed(1, start=START + timedelta(days=9)), postgres, append=True)
    assert before != open_production(model, environ=os.environ, scratch=lookout.home / "scratch").stamp()


def test_a_bucket_is_read_as_a_folder_and_each_object_once(
    lookout: Lookout, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    store = bucket(s3)
    for place, day in enumerate(("01", "02")):
        path = lookout.put(f"{day}.parquet", production().iloc[300 * place : 300 * place + 300])
        fs.copy_files(str(path), f"{BUCKET}/seen/{day}.parquet", None, store)
    far: dict[str, Any] = {"current": f"s3://{BUCKET}/seen/*.parquet"}
    near, first = details(lookout.watch()), details(lookout.watch(**far))
    assert [item.columns for item in first.windows] == [item.columns for item in near.windows]
    copies = {path: path.stat().st_mtime_ns for path in (lookout.home / "scratch/rows").iterdir()}
    path = lookout.put("03.parquet", production().tail(500))
    fs.copy_files(str(path), f"{BUCKET}/seen/03.parquet", None, store)
    known = details(lookout.watch(**far))
    assert [item.window.name for item in known.windows][-1] == f"s3://{BUCKET}/seen/03.parquet"
    later = {path: path.stat().st_mtime_ns for path in (lookout.home / "scratch/rows").iterdir()}
    assert copies.items() < later.items(), "only what is new is fetched"
    assert details(lookout.watch(until="02", **far)).windows[-1].columns == near.windows[1].columns
    store.delete_file(f"{BUCKET}/seen/01.parquet")
    lookout.watch(**far)
    assert len(list((lookout.home / "scratch/rows").iterdir())) == 2, "nor is kept what is gone"
