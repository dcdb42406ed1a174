"""Holdouts as arrays; predictions that are not about these rows are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops_ci.backends.data.holdouts import FileHoldouts
from mlops_ci.errors import ConfigError, DataError, StageFailed
from mlops_ci.ports.holdouts import HoldoutColumns, HoldoutRows
from mlops_ci.ports.scoring import Asked

ROWS = 200


def frame(seed: int = 1, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a b": random.normal(size=rows),
            "ünï 'q'": random.choice(["x", "y"], rows),
            "customer": random.integers(0, 20, rows),
            "label": random.integers(0, 2, rows),
        }
    )


@pytest.fixture
def holdout(tmp_path: Path) -> Path:
    path = tmp_path / "holdout.parquet"
    frame().to_parquet(path)
    return path


COLUMNS = HoldoutColumns(label="label", group="customer", by_value=("ünï 'q'",), by_number=("a b",))


@pytest.mark.parametrize("name", ["holdout.parquet", "holdout.csv", "holdout.csv.gz", "holdout.tsv"])
def test_columns_come_as_arrays(tmp_path: Path, name: str) -> None:
    data = frame()
    path = tmp_path / name
    if name.endswith(".parquet"):
        data.to_parquet(path)
    else:
        data.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    found = FileHoldouts().read(path, COLUMNS, task="classification")
    assert found.rows == ROWS
    assert [found.label.names[code] for code in found.label.codes] == [str(value) for value in data["label"]]
    assert len(np.unique(found.groups)) == data["customer"].nunique()
    sliced = found.values["ünï 'q'"]
    assert [sliced.names[code] for code in sliced.codes] == list(data["ünï 'q'"])
    assert np.array_equal(found.numbers["a b"], data["a b"])


def test_missing_values_are_a_slice_and_a_group_of_their_own(tmp_path: Path) -> None:
    data = frame()
    data.loc[3, "ünï 'q'"] = None
    data["customer"] = data["customer"].astype("Int64")
    data.loc[4, "customer"] = pd.NA
    data.to_parquet(tmp_path / "h.parquet")
    found = FileHoldouts().read(tmp_path / "h.parquet", COLUMNS, task="classification")
    sliced = found.values["ünï 'q'"]
    assert sliced.names[sliced.codes[3]] == "(missing)"
    assert found.groups.min() == 0
    assert (found.groups == found.groups[4]).sum() == 1


@pytest.mark.parametrize(
    ("columns", "words", "hint"),
    [
        (HoldoutColumns(label="lable"), "no column 'lable' (evaluate.label)", "did you mean 'label'?"),
        (HoldoutColumns(label="label", group="custome"), "(evaluate.group)", "did you mean 'customer'?"),
        (HoldoutColumns(label="label", by_value=("zzz",)), "'zzz' (evaluate.slices)", "columns: a b"),
        (HoldoutColumns(label="label", by_number=("ünï 'q'",)), "it is no number", "quantiles"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_nearest(
    holdout: Path, columns: HoldoutColumns, words: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        FileHoldouts().read(holdout, columns, task="classification")
    assert words in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.parquet", None, "there is no holdout at 'gone.parquet'"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("broken.parquet", b"PAR1 and then nothing", "is not readable as Parquet"),
        ("twice.csv", b"a,label,a\n1,1,1\n", "two columns named 'a'"),
        ("latin.csv", "a,label\nü,1\n".encode("latin-1"), "is not readable as CSV"),
        ("ragged.csv", b"a,label\n1,1\n1,2,3,4\n", "is not readable as CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        FileHoldouts().read(path, HoldoutColumns(label="label"), task="classification")
    assert words in str(caught.value)


def test_two_columns_of_one_name_in_parquet(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["label", "label"])
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="two columns named 'label'"):
        FileHoldouts().read(tmp_path / "t.parquet", HoldoutColumns(label="label"), task="classification")


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_holdout_without_rows_is_read_as_such(tmp_path: Path, name: str) -> None:
    none = frame().head(0)
    none.to_csv(tmp_path / name, index=False) if "csv" in name else none.to_parquet(tmp_path / name)
    found = FileHoldouts().read(tmp_path / name, HoldoutColumns(label="label"), task="classification")
    assert found.rows == 0


def test_a_regression_needs_numbers(holdout: Path) -> None:
    with pytest.raises(DataError, match="is no number; a regression needs numbers"):
        FileHoldouts().read(holdout, HoldoutColumns(label="ünï 'q'"), task="regression")
    assert FileHoldouts().read(holdout, HoldoutColumns(label="a b"), task="regression").label.dtype == np.float64


def test_rows_of_the_training_data_are_counted(tmp_path: Path, holdout: Path) -> None:
    """In whatever format, order and with whatever columns more; the group's column does not hide a row."""
    both = pd.concat([frame(seed=2), frame().iloc[[5, 9, 9]].assign(customer=-1)]).assign(more=1)
    both[["label", "more", "a b", "ünï 'q'", "customer"]].to_csv(tmp_path / "train.csv", index=False)
    found = FileHoldouts().overlap(holdout, [tmp_path / "train.csv"], group="customer")
    assert found.rows == 2
    assert found.compared == ("train.csv",)


def test_training_data_that_lacks_a_column_is_not_compared(tmp_path: Path, holdout: Path) -> None:
    frame().drop(columns=["a b"]).to_parquet(tmp_path / "raw.parquet")
    found = FileHoldouts().overlap(holdout, [tmp_path / "raw.parquet"], group="")
    assert found.rows is None
    assert found.skipped == ("raw.parquet has no column 'a b'",)
    frame(seed=2).to_parquet(tmp_path / "train.parquet")
    found = FileHoldouts().overlap(holdout, [tmp_path / "raw.parquet", tmp_path / "train.parquet"], group="")
    assert found.rows == 0
    assert found.skipped


def test_training_data_in_a_folder_is_looked_into_and_what_is_not_there_is_told(tmp_path: Path, holdout: Path) -> None:
    parts = tmp_path / "parts"
    (parts / "year=2013").mkdir(parents=True)
    frame().to_parquet(parts / "year=2013/a.parquet")
    (parts / "README.md").write_text("parts")
    (tmp_path / "nothing").mkdir()
    found = FileHoldouts().overlap(holdout, [parts, tmp_path / "nothing", tmp_path / "gone.csv"], group="")
    assert found.rows == len(frame())
    assert found.compared == ("a.parquet",)
    assert [reason.partition(" ")[0] for reason in found.skipped] == ["nothing/", "there"]
    assert "gone.csv" in found.skipped[1]


ASKED = Asked(task="classification", label="label")
NUMBER = Asked(task="regression", label="label")


def read(path: Path) -> HoldoutRows:
    return FileHoldouts().read(path, HoldoutColumns(label="label"), task="classification")


def store(path: Path, holdout: HoldoutRows, classes: tuple[str, ...] = ("0", "1"), **columns: Any) -> Path:
    """A predictions file as the scorer writes it, with some columns put otherwise."""
    rows = holdout.rows
    ours = {
        "row": np.arange(rows),
        "hash": holdout.hashes,
        "prediction": pa.array(["1"] * rows),
        "p0": np.full(rows, 0.25),
        "p1": np.full(rows, 0.75),
    }
    task = "classification" if classes else "regression"
    notes = {"mlops_ci.classes": json.dumps(classes), "mlops_ci.asked": json.dumps([task, "label", "", ""])}
    parquet.write_table(pa.table({**ours, **columns}).replace_schema_metadata(notes), path)
    return path


def test_predictions_of_these_rows_are_read(tmp_path: Path, holdout: Path) -> None:
    rows = read(holdout)
    found = FileHoldouts().predictions(store(tmp_path / "p.parquet", rows), rows, asked=ASKED)
    assert found.probability is not None
    assert set(found.probability) == {"0", "1"}
    assert found.prediction.names == ("1",)


def test_misaligned_shuffled_and_foreign_predictions_are_refused(tmp_path: Path, holdout: Path) -> None:
    rows = read(holdout)
    order = np.random.default_rng(0).permutation(rows.rows)
    other = tmp_path / "other.parquet"
    frame(seed=7).to_parquet(other)
    for columns, words in [
        ({"hash": rows.hashes[order]}, "belong to other rows"),
        ({"hash": np.roll(rows.hashes, 1)}, "belong to other rows"),
        ({"row": order, "hash": rows.hashes[order]}, "not numbered like"),
        ({"hash": read(other).hashes}, "belong to other rows: 200 of 200"),
    ]:
        with pytest.raises(StageFailed, match=words):
            FileHoldouts().predictions(store(tmp_path / "p.parquet", rows, **columns), rows, asked=ASKED)


def test_predictions_that_are_none_are_refused(tmp_path: Path, holdout: Path) -> None:
    rows = read(holdout)
    bad = np.full(rows.rows, 0.5)
    bad[[3, 8]] = [np.nan, np.inf]
    words = "NaN or infinity for 2 of 200 rows, first in row 3"
    with pytest.raises(StageFailed, match=words):
        FileHoldouts().predictions(store(tmp_path / "p.parquet", rows, p1=bad), rows, asked=ASKED)
    regression = store(tmp_path / "p.parquet", rows, classes=(), prediction=bad)
    with pytest.raises(StageFailed, match=words):
        FileHoldouts().predictions(regression, rows, asked=NUMBER)
    none = store(tmp_path / "p.parquet", rows, prediction=pa.array([None] * rows.rows, pa.string()))
    with pytest.raises(StageFailed, match="gave no class for 200 of 200 rows"):
        FileHoldouts().predictions(none, rows, asked=ASKED)
    few = tmp_path / "few.parquet"
    parquet.write_table(parquet.read_table(regression).slice(1), few)
    with pytest.raises(StageFailed, match="there are 199 predictions for 200 holdout rows"):
        FileHoldouts().predictions(few, rows, asked=NUMBER)
    few.write_bytes(b"nonsense")
    with pytest.raises(StageFailed, match="the predictions are not readable"):
        FileHoldouts().predictions(few, rows, asked=NUMBER)


@pytest.mark.parametrize(
    "asked", [NUMBER, replace(ASKED, label="other"), replace(ASKED, group="customer"), replace(ASKED, positive="1")]
)
def test_answers_to_another_question_are_refused(tmp_path: Path, holdout: Path, asked: Asked) -> None:
    rows = read(holdout)
    with pytest.raises(StageFailed, match="answer another question: classification, label"):
        FileHoldouts().predictions(store(tmp_path / "p.parquet", rows), rows, asked=asked)
