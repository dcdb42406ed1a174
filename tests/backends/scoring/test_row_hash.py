"""A row's hash is the same wherever it is computed, and another one for another row."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops_ci.backends.scoring import row_hash
from tests.package.test_base_install import UV, interpreters

ALONE = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("row_hash", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
names = module.column_names(sys.argv[2])
for table in module.read_batches(sys.argv[2], names, 1000):
    for value in module.row_hashes(table.select(module.hashed_names(names))):
        print(int(value))
"""


def hashes(**columns: Any) -> list[int]:
    """The hashes of a table given by columns."""
    return [int(value) for value in row_hash.row_hashes(pa.table(columns))]


def file_hashes(path: Path, rows: int = 1000) -> list[int]:
    names = row_hash.column_names(str(path))
    return [
        int(value)
        for table in row_hash.read_batches(str(path), names, rows)
        for value in row_hash.row_hashes(table.select(row_hash.hashed_names(names)))
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1, 0], pa.int8()), pa.array([1.0, -0.0], pa.float64())),
        (pa.array([True, False]), pa.array([1, 0], pa.uint64())),
        (pa.array(["a", "b"]), pa.array(["a", "b"]).dictionary_encode()),
        (pa.array(["a", "b"]), pa.array(["a", "b"], pa.large_string())),
        (pa.array(["a", None]), pa.array(["a", None], pa.string_view())),
        (pa.array(["ü", ""]), pa.array(["ü".encode(), b""])),
        (pa.array([Decimal("1.50"), None]), pa.array([1.5, float("nan")])),
        (pa.array([None, None], pa.string()), pa.nulls(2)),
        (pa.array([2**53 + 1, 3]), pa.array([2**53 + 1, 3], pa.uint64())),
        (pa.array([dt.date(2013, 4, 1), None]), pa.array([dt.datetime(2013, 4, 1), None], pa.timestamp("ns"))),
        (pa.array([1, 2], pa.timestamp("s")), pa.array([1000, 2000], pa.timestamp("ms"))),
        (
            pa.array([dt.datetime(2013, 1, 1, 5)], pa.timestamp("us")),
            pa.array([pd.Timestamp("2013-01-01", tz="America/New_York")]),
        ),
        (pa.array([[1, 2], None]), pa.array([[1, 2], None], pa.large_list(pa.int32()))),
    ],
)
def test_a_value_is_what_it_is_however_it_is_stored(one: Any, other: Any) -> None:
    assert hashes(x=one) == hashes(x=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([2**53]), pa.array([2**53 + 1])),
        (pa.array([0.1]), pa.array([np.nextafter(0.1, 1)])),
        (pa.array([""]), pa.array([None], pa.string())),
        (pa.array([0.0]), pa.array([None], pa.float64())),
        (pa.array([1], pa.timestamp("ns")), pa.array([2], pa.timestamp("ns"))),
        (pa.array(["1"]), pa.array([1])),
    ],
)
def test_values_that_differ_have_other_hashes(one: Any, other: Any) -> None:
    assert hashes(x=one) != hashes(x=other)


def test_columns_are_told_apart_by_name_and_not_by_place() -> None:
    assert hashes(a=[1, 2], b=[3, 4]) == hashes(b=[3, 4], a=[1, 2])
    assert hashes(a=[1], b=[2]) != hashes(a=[2], b=[1])
    assert hashes(a=[1, 1], b=[2, 2])[0] == hashes(a=[1], b=[2])[0]


def test_no_two_of_many_rows_share_a_hash() -> None:
    count = 200_000
    found = row_hash.row_hashes(pa.table({"a": np.arange(count), "b": np.arange(count)[::-1] % 7}))
    assert len(np.unique(found)) == count


def frame(count: int = 2500) -> pd.DataFrame:
    """A frame of every usual type, with names that need care."""
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "number": random.normal(size=count),
            "größe 'x' \"y\"": random.integers(0, 9, count),
            "kind": pd.Categorical(random.choice(["a", "b", "c"], count)),
            "maybe": np.where(random.random(count) > 0.5, np.nan, 2.5),
            "note": [None if i % 7 == 0 else f"n {i}, \n" for i in range(count)],
            "yes": random.random(count) > 0.5,
        }
    )


def test_batches_row_groups_index_and_format_do_not_matter(tmp_path: Path) -> None:
    data = frame()
    shuffled = data.sample(frac=1.0, random_state=1)
    data.to_parquet(tmp_path / "one.parquet", index=False)
    shuffled.to_parquet(tmp_path / "other.parquet", row_group_size=333)
    data.to_csv(tmp_path / "data.csv", index=False)
    data.to_csv(tmp_path / "indexed.csv")
    expected = file_hashes(tmp_path / "one.parquet")
    assert file_hashes(tmp_path / "other.parquet", rows=100) == [expected[place] for place in shuffled.index]
    assert file_hashes(tmp_path / "data.csv") == expected
    assert file_hashes(tmp_path / "indexed.csv") == expected, "an index that pandas wrote is no part of a row"


def test_categories_have_the_same_codes_in_every_batch(tmp_path: Path) -> None:
    """Row groups may each have a dictionary of their own; some models look at the codes."""
    path = tmp_path / "kinds.parquet"
    with parquet.ParquetWriter(path, pa.schema([("kind", pa.dictionary(pa.int32(), pa.string()))])) as writer:
        for names in (["b", "a"], ["a", "c"]):
            writer.write_table(pa.table({"kind": pa.array(names).dictionary_encode()}))
    read = [table.column("kind").to_pandas() for table in row_hash.read_batches(str(path), ["kind"], 2)]
    assert [list(part) for part in read] == [["b", "a"], ["a", "c"]]
    assert list(read[0].cat.categories) == list(read[1].cat.categories)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 0, 1], ["1", "0"]),
        ([1.0, 0.0, None], ["1", "0"]),
        ([True, False], ["1", "0"]),
        (["yes", None, "no"], ["yes", "no"]),
        ([0.5, float("nan")], ["0.5"]),
        ([float("inf"), 1.0], ["inf", "1"]),
        ([Decimal("2.00"), Decimal("2.50")], ["2", "2.50"]),
    ],
)
def test_labels_are_spelled_alike(values: list[Any], expected: list[str]) -> None:
    codes, names = row_hash.spelled(pa.array(values))
    assert names == expected
    assert [code < 0 for code in codes] == [value is None or value != value for value in values]


OTHERS = [
    ("3.10", "pandas==1.5.3", "numpy==1.23.5", "pyarrow==12.0.1"),
    ("3.13", "pandas==3.0.0", "numpy==2.3.5", "pyarrow==22.0.0"),
]


@pytest.mark.slow
@pytest.mark.parametrize("wanted", OTHERS, ids=["old", "new"])
def test_other_versions_of_everything_agree(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    version, *libraries = wanted
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    home = tmp_path / "env"
    commands = (
        ["venv", "-q", "--python", str(python), str(home)],
        ["pip", "install", "-q", "--python", str(home / "bin/python")],
    )
    for command, more in zip(commands, ([], libraries), strict=True):
        done = subprocess.run([UV, *command, *more], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"Python {version} with {libraries}: {done.stderr.strip()[-200:]}")
    frame().to_parquet(tmp_path / "data.parquet")
    frame().to_csv(tmp_path / "data.csv", index=False)
    for path in (tmp_path / "data.parquet", tmp_path / "data.csv"):
        words = [str(home / "bin/python"), "-c", ALONE, row_hash.__file__, str(path)]
        theirs = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        assert [int(value) for value in theirs] == file_hashes(path)


def test_the_module_stands_alone(tmp_path: Path) -> None:
    """It runs where nothing of ours is installed."""
    path = tmp_path / "data.parquet"
    frame(50).to_parquet(path)
    words = [sys.executable, "-c", ALONE, row_hash.__file__, str(path)]
    theirs = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split()
    assert [int(value) for value in theirs] == file_hashes(path)
    assert "mlops_ci" not in Path(row_hash.__file__).read_text("utf-8")
