"""Production counted by Spark: the same windows and numbers as by DuckDB, and a sample of its own."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import Any

import pandas as pd
import pytest

from mlops_ci.errors import BackendError, DataError
from mlops_ci.records.results import Status
from tests.stages.test_drift_places import DAYS, METHODS, NOW, found, lookout, opened, production, rules
from tests.stages.watching import Lookout, checks, details

__all__ = ["lookout"]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SPARK: dict[str, Any] = {**DAYS, "engine": "spark", "master": "local[2]"}


@pytest.fixture(autouse=True)
def spark() -> None:
    """PySpark is half a gigabyte, and in no environment that nobody asked for it."""
    if find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed (the extra 'spark')")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed (Debian package 'default-jre-headless')")


def test_spark_counts_as_duckdb_does(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    """And draws a seeded sample, and rows with their truth."""
    frame = production()
    frame.loc[frame.index[1000:1006], "b"] = frame["b"].iloc[350:356].to_numpy()
    lookout.put("1.parquet", frame.head(700))
    lookout.put("2.parquet", frame.iloc[700:])
    (lookout.home / "production/3.parquet").write_bytes(b"PAR1 half of it")
    with opened(lookout, DAYS) as watched:
        expected = list(found(watched))[-2:]
        truth = watched.labelled(watched.windows()[-1], task="classification", label="label", positive="1", group="")
    with opened(lookout, SPARK, reach=86400.0) as watched:
        assert "3.parquet is not readable as Parquet" in watched.notes[0]
        told = list(found(watched))
        windows = watched.windows()
        drawn = []
        for place, seed in enumerate([0, 0, 1]):
            assert 150 <= watched.sampled(windows[0], lookout.home / str(place), rows=200, seed=seed) <= 200
            drawn.append(pd.read_parquet(lookout.home / str(place) / "window.parquet"))
        known = watched.labelled(windows[0], task="classification", label="label", positive="1", group="")
        assert 150 < watched.shuffled(windows, rules(*METHODS[0]), rows=200, seed=3).rows <= 200
    assert [name for name, _ in told] == [name for name, _ in expected]
    for (_, ours), (name, theirs) in zip(told, expected, strict=True):
        assert ours.facts == theirs.facts, name
        for field in ("rows", "newest", "duplicates", "extra", "future"):
            assert getattr(ours, field) == pytest.approx(getattr(theirs, field)), (name, field)
        for one, other in zip((*ours.columns, *ours.predictions), (*theirs.columns, *theirs.predictions), strict=True):
            assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-12), (name, one.name, one.method)
            assert (one.drifted, one.reason) == (other.drifted, other.reason)
    assert drawn[0].equals(drawn[1]) and not drawn[0].equals(drawn[2])
    assert sorted(known.truth) == sorted(truth.truth) and known.rows == truth.rows == 300


def test_spark_reads_texts_and_watches(lookout: Lookout) -> None:
    lookout.put("rows.csv", production().head(600))
    keys = {**SPARK, "current": "production/*.csv", "consecutive": 1}
    result = lookout.watch(now=NOW, **keys)
    assert result.status is Status.FAILED
    assert "a 14.3 %" in checks(result)["missing values"].message
    near = details(lookout.watch(now=NOW, **{**keys, "engine": "duckdb"}))
    assert [item.rows for item in details(result).windows] == [item.rows for item in near.windows]
    assert details(result).signal.columns == near.signal.columns


def test_what_spark_can_not_do_is_told(lookout: Lookout) -> None:
    lookout.put("1.parquet", production())
    with pytest.raises(BackendError, match="Spark does not start: ") as caught:
        lookout.watch(now=NOW, **{**SPARK, "master": "nonsense"})
    assert "Java" in caught.value.hint
    lookout.put("2.csv", production())
    with pytest.raises(DataError, match="Parquet files or texts, not both"):
        lookout.watch(now=NOW, **SPARK, current="production/*")
