"""The validate stage on real files and a real Great Expectations: what is red, what is only said, what has changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from mlops_ci.backends.data.sources import open_source
from mlops_ci.backends.gx.validator import GreatExpectations
from mlops_ci.config.types import Dataset, Model
from mlops_ci.errors import ConfigError
from mlops_ci.records.codec import decode
from mlops_ci.records.results import StageResult, Status
from mlops_ci.records.validation import DataDiff, ValidationDetails
from mlops_ci.stages.validate import shown, validate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def run(
    folder: Path,
    suites: Mapping[str, Sequence[tuple[str, str, Mapping[str, object]]]],
    *,
    champion: StageResult | None = None,
    derived: tuple[str, ...] = (),
    redact: tuple[str, ...] = (),
) -> StageResult:
    """`suites` maps a data file to its expectations as (type, severity, arguments)."""
    entries = []
    for index, (data, expectations) in enumerate(suites.items()):
        items = [
            {"type": f"expect_{kind}", "severity": level, "kwargs": kwargs} for kind, level, kwargs in expectations
        ]
        (folder / f"suite-{index}.json").write_text(json.dumps({"name": "s", "expectations": items}, indent=1))
        entries.append(Dataset(data=data, suite=f"suite-{index}.json"))
    model = Model(name="m", root=folder, validate=tuple(entries), redact=redact)
    return judged(model, champion=champion, derived=derived)


def judged(model: Model, *, champion: StageResult | None = None, derived: Collection[str] = ()) -> StageResult:
    """The stage as it is, on files."""
    before = ("version 1", decode(ValidationDetails, champion.details)) if champion else None
    return validate(
        model,
        open_source=lambda dataset: open_source(dataset.data, directory=model.directory),
        derived=lambda dataset: dataset.data in derived,
        validator=GreatExpectations(),
        champion=lambda: before,
        judgement_digest="rules",
        where=lambda path: f"mlops.yaml:{path}",
        say=lambda line: None,
    )


def details(result: StageResult) -> ValidationDetails:
    return decode(ValidationDetails, result.details)


SOME_ROWS: tuple[str, str, Mapping[str, object]] = ("table_row_count_to_be_between", "critical", {"min_value": 1})


def test_a_warning_is_said_and_turns_nothing_red(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, None]}).to_csv(tmp_path / "a.csv", index=False)
    result = run(tmp_path, {"a.csv": [SOME_ROWS, ("column_values_to_not_be_null", "warning", {"column": "a"})]})
    assert (result.status, result.reason) == (Status.PASSED, "1 of 2 checks hold, 1 warned")
    assert result.checks[1].message == "1 of 2 rows do not"
    assert result.checks[1].where.startswith("suite-0.json:")


def test_an_expectation_is_found_from_the_config_s_folder(tmp_path: Path) -> None:
    """The model lies in a folder of its own, and the suite beside that."""
    pd.DataFrame({"a": [1, None]}).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "suites").mkdir()
    (tmp_path / "cut").mkdir()
    suite = {"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}}]}
    (tmp_path / "suites/a.json").write_text(json.dumps(suite, indent=1))
    model = Model(name="m", root=tmp_path, path="cut", validate=(Dataset(data="../a.csv", suite="../suites/a.json"),))
    (check,) = judged(model).checks
    assert check.where == "suites/a.json:5"
    (tmp_path / "suites/a.json").write_text("{")
    with pytest.raises(ConfigError, match=r"^suites/a.json:1: not JSON"):
        judged(model)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"a,b\n", "no rows"),
        ("twice.csv", b"a,a\n1,2\n", "'a'"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "line 3"),
        ("cut.parquet", b"PAR1\x15\x04", "Parquet"),
        ("latin.csv", "a\nü\n".encode("latin-1"), "UTF-8"),
        ("absent.csv", None, "absent.csv"),
    ],
)
def test_data_that_is_none_is_red_and_named(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run(tmp_path, {name: [SOME_ROWS]})
    assert result.status is Status.FAILED
    (check,) = result.checks
    assert check.name == f"{name} readable"
    assert check.where == "mlops.yaml:models.m.validate[0]"
    assert expected in check.message


def test_what_the_pipeline_makes_of_red_data_is_not_even_made(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_bytes(b"")
    result = run(tmp_path, {"raw.csv": [SOME_ROWS], "features.csv": [SOME_ROWS]}, derived=("features.csv",))
    assert [check.status for check in result.checks] == [Status.FAILED, Status.SKIPPED]
    assert result.checks[1].red
    made, not_made = details(result).datasets
    assert "raw.csv is empty" in made.error
    assert (not_made.rows, not_made.error) == (-1, result.checks[1].message)


def test_unicode_spaces_and_quotes_in_names_are_names(tmp_path: Path) -> None:
    names = ["größe", "a b", "it's", 'say "x"', "a|b", "`tick`"]
    pd.DataFrame({name: [1, 2, 3] for name in names}).to_parquet(tmp_path / "a b'c.parquet")
    wanted: Sequence[tuple[str, str, Mapping[str, object]]] = [
        ("column_values_to_be_between", "critical", {"column": n, "max_value": 2}) for n in names
    ]
    result = run(tmp_path, {"a b'c.parquet": wanted})
    assert [check.message for check in result.checks] == ["1 of 3 rows do not"] * len(names)
    profile = details(result).datasets[0].profile
    assert profile is not None and [column.name for column in profile.columns] == names


def test_the_data_is_compared_with_the_champions(tmp_path: Path) -> None:
    old = pd.DataFrame({"a": range(100), "b": ["x", "y"] * 50, "gone": 1, "c": [1.0] * 100, "same": [5, 6] * 50})
    new = old.drop(columns="gone").assign(
        a=range(50, 150), b=range(100), c=[float("nan")] * 10 + [1.0] * 90, more=["new"] * 100
    )
    old.to_parquet(tmp_path / "a.parquet")
    champion = run(tmp_path, {"a.parquet": [SOME_ROWS]})
    assert details(champion).datasets[0].diff is None
    pd.concat([new, new.head(10)], ignore_index=True).to_parquet(tmp_path / "a.parquet")
    result = run(tmp_path, {"a.parquet": [SOME_ROWS]}, champion=champion)
    diff = details(result).datasets[0].diff
    assert isinstance(diff, DataDiff)
    assert (diff.champion, diff.rows_old, diff.rows_new) == ("version 1", 100, 110)
    changes = {(change.column, change.what): (change.old, change.new) for change in diff.columns}
    assert changes.keys() == {
        ("gone", "removed"),
        ("more", "added"),
        ("a", "range"),
        ("b", "retyped"),
        ("b", "distinct"),
        ("b", "range"),
        ("c", "null-share"),
    }
    assert changes["a", "range"] == ("0 … 99", "50 … 149")
    assert changes["b", "distinct"] == ("2", "100")
    assert changes["c", "null-share"] == ("0 %", "18.2 %")


def test_a_redacted_column_shows_no_value_anywhere(tmp_path: Path) -> None:
    pd.DataFrame({"iban": ["DE99SECRET", "DE98SECRET"], "a": [1, 9]}).to_csv(tmp_path / "a.csv", index=False)
    suite: Sequence[tuple[str, str, Mapping[str, object]]] = [
        ("column_values_to_be_in_set", "critical", {"column": "iban", "value_set": ["x"]}),
        ("column_values_to_be_between", "critical", {"column": "a", "max_value": 5}),
    ]
    champion = run(tmp_path, {"a.csv": suite}, redact=("iban",))
    result = run(tmp_path, {"a.csv": suite}, redact=("iban",), champion=champion)
    assert [check.status for check in result.checks] == [Status.FAILED, Status.FAILED]
    assert "SECRET" not in json.dumps(result.details) + json.dumps([check.message for check in result.checks])


def test_a_model_without_suites_is_skipped_with_a_reason(tmp_path: Path) -> None:
    result = run(tmp_path, {})
    assert (result.status, result.reason) == (Status.SKIPPED, "no data sets under 'validate:'")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("postgresql://user:secret@db.example/flights?sslmode=require&password=s", "postgresql://db.example/flights"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("data/a@b.csv", "data/a@b.csv"),
    ],
)
def test_a_data_sets_name_holds_no_secret(data: str, expected: str) -> None:
    assert shown(Dataset(data=data, suite="")) == expected
