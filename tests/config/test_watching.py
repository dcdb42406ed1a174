"""What is wrong with `drift:` is told before a row is read."""

from __future__ import annotations

import pytest

from tests.config.test_load import model, read, refused

WATCHED = "evaluate: {holdout: h.csv, label: y, metrics: [roc_auc]}, drift: {%s}"


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        ("current: x/*.parquet, window: 1d", "no 'time' names the column"),
        ("current: x/*.parquet, consecutive: 7", "more than 'history'"),
        ("current: x/*.parquet, table: t", "its rows are files"),
        ("current: x/*.parquet, ignore: [a], columns: {a: 1}", "leaves out 'a', which has a threshold"),
        ("current: 'sqlite:///d.db', time: at, window: 1d", "a database needs either 'table' or 'query'"),
        ("current: 'sqlite:///d.db', table: t", "the rows of a database have no files and no order"),
        ("current: 'mysql://h/d', table: t, time: at, window: 1d", "no data can be read from 'mysql://'"),
        ("current: 'sqlite:///d.db', table: t, time: at, window: 1d, engine: spark", "Spark is for files"),
        ("current: x/*.parquet, engine: spark", "to Spark rows have no files and no order"),
        ("current: x/*.parquet, time: at, window: 100 rows, engine: spark", "windows must be lengths of time"),
        ("current: x/*.parquet, chance: 1", "chance"),
        ("current: x/*.parquet, labels: {data: l.csv}", "names no 'key'"),
        ("current: x/*.parquet, labels: {metric: rocauc}", "did you mean"),
    ],
)
def test_it_is_refused_with_what_to_do(drift: str, told: str) -> None:
    assert told in refused(model(WATCHED % drift))


def test_spark_takes_files_and_lengths_of_time() -> None:
    found = read(model(WATCHED % "current: 's3://b/x', time: at, window: 1d, engine: spark, master: 'spark://h:1'"))
    assert found.models["a"].drift.master == "spark://h:1"
