"""Data as it comes: good files, broken files, databases."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from mlops_ci.backends.data.sources import open_source
from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.backends.gx.suggest import suggest
from mlops_ci.backends.gx.validator import GreatExpectations
from mlops_ci.errors import ConfigError, DataError
from tests.backends.postgres import postgres

__all__ = ["postgres"]

FRAME = pd.DataFrame({"a": [1.5, 2.5, None, 4.0], "b c": ["x", "y", "x", None], 'ü"': [1, 2, 3, 4]})


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_profile_of_all_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FRAME.to_csv(path, index=False) if name.endswith("csv") else FRAME.to_parquet(path)
    profile = open_source(name, directory=tmp_path).profile(redact=("b c",))
    columns = {column.name: column for column in profile.columns}
    assert profile.rows == 4
    assert columns["a"].null_share == 0.25
    assert (columns["a"].low, columns["a"].high) == ("1.5", "4.0")
    assert columns["b c"].distinct == 2
    assert (columns["b c"].low, columns["b c"].high) == ("", ""), "redacted values are never shown"
    assert columns['ü"'].null_share == 0


def test_a_glob_is_one_data_set(tmp_path: Path) -> None:
    for month in (1, 2):
        FRAME.to_parquet(tmp_path / f"m{month}.parquet")
    assert open_source("m*.parquet", directory=tmp_path).profile(redact=()).rows == 8


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    digests = []
    for value in (1, 1, 2):
        (tmp_path / "d.csv").write_text(f"a\n{value}\n")
        digests.append(open_source("d.csv", directory=tmp_path).profile(redact=()).digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"x,x\n1,2\n", "two columns named 'x'"),
        ("a.parquet", b"PAR1 and then nothing", "not readable as Parquet"),
        ("a.csv", b'x,y\n"1,2\n3,4\n5', "not readable as CSV"),
        ("a.csv", b"x\n\xff\xfe\n", "not UTF-8: it has the byte 0xff"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected):
        open_source(name, directory=tmp_path).profile(redact=())


def test_truncated_parquet(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not readable as Parquet"):
        open_source("a.parquet", directory=tmp_path).profile(redact=())


def test_missing_data_and_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data at"):
        open_source("none.csv", directory=tmp_path)
    with pytest.raises(ConfigError, match="no kind we read"):
        open_source("data.xlsx", directory=tmp_path)
    with pytest.raises(ConfigError, match="either 'table' or 'query'"):
        open_source("sqlite:///x.db", directory=tmp_path)


def test_sqlite_is_profiled_by_the_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d.db") as connection:
        FRAME.to_sql("rows", connection, index=False)
    connection.close()
    by_table = open_source("sqlite:///d.db", directory=tmp_path, table="rows").profile(redact=("a",))
    assert by_table.rows == 4
    columns = {column.name: column for column in by_table.columns}
    assert columns["a"].null_share == 0.25
    assert columns["a"].low == ""
    query = open_source("sqlite:///d.db", directory=tmp_path, query="select * from rows where a > 2")
    assert query.profile(redact=()).rows == 2


def test_a_missing_sqlite_file_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no database file"):
        open_source("sqlite:///none.db", directory=tmp_path, table="t").profile(redact=())
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("duckdb:///x.db", "to Parquet"),
        ("postgres://ann:hunter2@db.example/x", "did you mean 'postgresql'"),
        ("mysql://ann:hunter2@db.example/x", "databases: sqlite, postgresql"),
        ("postgresql://ann:hunter2@db.example:port/x", "dialect://user:password@host:port/database"),
    ],
)
def test_a_database_we_can_not_read_is_a_mistake_of_the_config(tmp_path: Path, url: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(url, directory=tmp_path, table="t").profile(redact=())
    assert expected in caught.value.hint
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_a_password_is_in_no_name(tmp_path: Path) -> None:
    source = open_source("postgresql://ann:hunter2@db.example/x", directory=tmp_path, table="t")
    assert "hunter2" not in source.name


def test_a_suggested_suite_has_a_reason_for_everything(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    suite = suggest(open_source("a.parquet", directory=tmp_path).profile(redact=()), name="a")
    assert len(suite["expectations"]) >= 5
    assert all(item["meta"]["notes"] for item in suite["expectations"])
    assert suite == suggest(open_source("a.parquet", directory=tmp_path).profile(redact=()), name="a")


@pytest.fixture
def table(postgres: Path) -> SqlSource:
    """FRAME as a table of its own."""
    import sqlalchemy

    source = SqlSource(url=f"postgresql://ann:hunter2@/postgres?host={postgres}", directory=postgres, table="rows")
    engine = sqlalchemy.create_engine(source.address, poolclass=sqlalchemy.NullPool)
    FRAME.to_sql("rows", engine, index=False, if_exists="replace")
    return source


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_expectations_hold_and_fail_on_postgresql(table: SqlSource, tmp_path: Path) -> None:
    suite = {
        "name": "s",
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "b c"}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "max_value": 2}},
        ],
    }
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    found = GreatExpectations().validate(table, tmp_path / "suite.json", redact=(), say=lambda line: None)
    expected = [(FRAME["b c"].isna().sum(), len(FRAME)), ((FRAME["a"] > 2).sum(), len(FRAME))]
    assert [(item.unexpected, item.total) for item in found] == expected
    with table.connect() as connection:
        others = (
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        assert connection.exec_driver_sql(others).scalar() == 0, "no connection stays open"


@pytest.mark.slow
def test_postgresql_is_profiled_by_the_database(table: SqlSource) -> None:
    profile = table.profile(redact=())
    assert profile.rows == 4
    assert {column.name: column.distinct for column in profile.columns} == {"a": 3, "b c": 2, 'ü"': 4}
    broken = SqlSource(url=table.url, directory=table.directory, query="select * from nowhere")
    with pytest.raises(DataError) as caught:
        broken.profile(redact=())
    assert "hunter2" not in str(caught.value)
