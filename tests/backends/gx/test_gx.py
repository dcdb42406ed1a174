"""Great Expectations with the guards on: nothing passes that was not looked at."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_ci.backends.data.sources import open_source
from mlops_ci.backends.gx.suggest import suggest
from mlops_ci.backends.gx.validator import GreatExpectations
from mlops_ci.errors import ConfigError, DataError
from mlops_ci.records.results import Severity, Status
from mlops_ci.records.validation import ExpectationResult

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FRAME = pd.DataFrame(
    {"delay": [1, 2, 300, 4, None], "city name": ["a", "b", "c", "d", "e"], "secret": [1, 2, 3, 4, 99]}
)


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}


def validate(
    folder: Path, expectations: list[dict[str, Any]], *, redact: tuple[str, ...] = ()
) -> tuple[ExpectationResult, ...]:
    FRAME.to_parquet(folder / "data.parquet")
    (folder / "suite.json").write_text(json.dumps({"name": "s", "expectations": expectations}, indent=1))
    source = open_source("data.parquet", directory=folder)
    return GreatExpectations().validate(source, folder / "suite.json", redact=redact, say=lambda line: None)


def test_what_holds_what_does_not_and_what_can_not_be_told(tmp_path: Path) -> None:
    found = validate(
        tmp_path,
        [
            expect("column_values_to_be_between", column="delay", min_value=0, max_value=100),
            expect("table_row_count_to_be_between", min_value=1, max_value=10),
            expect("column_values_to_not_be_null", "warning", column="delay"),
            expect("column_mean_to_be_between", column="nowhere", min_value=0, max_value=1),
        ],
    )
    assert [item.status for item in found] == [Status.FAILED, Status.PASSED, Status.FAILED, Status.ERROR]
    assert [item.severity for item in found] == [Severity.FAIL, Severity.FAIL, Severity.WARN, Severity.FAIL]
    between = found[0]
    assert (between.unexpected, between.total) == (1, 5)
    assert between.examples[0]["delay"].startswith("300")
    assert between.examples[0]["(row)"] == "2"
    assert between.examples[0]["city name"] == "c", "the rest of the row tells which one it is"
    assert "nowhere" in found[3].error
    assert found[0].where.startswith("suite.json:")


def test_results_keep_the_order_of_the_suite(tmp_path: Path) -> None:
    kinds = ["secret", "delay", "secret", "city name", "delay"]
    found = validate(tmp_path, [expect("column_values_to_not_be_null", column=name) for name in kinds])
    assert [item.column for item in found] == kinds


def test_redacted_columns_show_nothing(tmp_path: Path) -> None:
    found = validate(
        tmp_path,
        [
            expect("column_values_to_be_in_set", column="secret", value_set=[1, 2, 3, 4]),
            expect("column_max_to_be_between", column="secret", min_value=0, max_value=50),
        ],
        redact=("secret",),
    )
    assert all(item.status is Status.FAILED for item in found)
    assert "99" not in json.dumps([[item.observed, item.sentence, item.examples, item.error] for item in found])


@pytest.mark.parametrize(
    ("expectations", "expected"),
    [
        ([], "expects nothing"),
        ([expect("column_values_to_be_btween", column="delay")], "did you mean 'expect_column_values_to_be_between'"),
        ([{"expectation_type": "expect_column_to_exist", "kwargs": {}}], "format of Great Expectations 0.x"),
        ([expect("column_values_to_not_be_null", colum="delay")], "does not take these arguments"),
    ],
)
def test_suites_that_would_pass_without_looking(
    tmp_path: Path, expectations: list[dict[str, Any]], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(tmp_path, expectations)
    assert expected in f"{caught.value} {caught.value.hint}"
    assert "suite.json" in caught.value.where


def test_a_suite_that_is_no_json_names_its_line(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "data.parquet")
    (tmp_path / "suite.json").write_text('{"name": "s",\n "expectations": [}')
    source = open_source("data.parquet", directory=tmp_path)
    with pytest.raises(ConfigError) as caught:
        GreatExpectations().validate(source, tmp_path / "suite.json", redact=(), say=lambda line: None)
    assert caught.value.where == "suite.json:2"


def test_no_rows_do_not_pass(tmp_path: Path) -> None:
    FRAME.head(0).to_parquet(tmp_path / "empty.parquet")
    (tmp_path / "suite.json").write_text(
        json.dumps({"name": "s", "expectations": [expect("column_values_to_not_be_null", column="delay")]})
    )
    source = open_source("empty.parquet", directory=tmp_path)
    with pytest.raises(DataError, match="no rows"):
        GreatExpectations().validate(source, tmp_path / "suite.json", redact=(), say=lambda line: None)


def test_a_database_is_validated_in_place(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "d.db")
    FRAME.to_sql("rows", connection, index=False)
    connection.commit()
    connection.close()
    (tmp_path / "suite.json").write_text(
        json.dumps({"name": "s", "expectations": [expect("column_values_to_not_be_null", column="delay")]})
    )
    source = open_source("sqlite:///d.db", directory=tmp_path, table="rows")
    (found,) = GreatExpectations().validate(source, tmp_path / "suite.json", redact=(), say=lambda line: None)
    assert (found.status, found.unexpected) == (Status.FAILED, 1)


def test_a_suggested_suite_holds_on_its_own_data(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "data.parquet")
    suite = suggest(open_source("data.parquet", directory=tmp_path).profile(redact=()), name="s")
    found = validate(tmp_path, suite["expectations"])
    assert {item.status for item in found} == {Status.PASSED}
