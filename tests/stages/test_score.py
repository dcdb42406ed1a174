"""Batch scoring with real models in a process of their own: what comes out, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops_ci.backends.scoring import scorer
from mlops_ci.errors import BackendError, DataError, StageFailed, UsageError
from mlops_ci.io import process
from mlops_ci.stages import score
from tests.stages.batches import Desk, rows, save_models

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FEW = 150_000  # rows: ten batches, so that as many are under way at once as ever are


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    save_models(home)
    return home


@pytest.fixture
def desk(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Parts of 300 rows, so that a test needs no millions."""
    monkeypatch.setattr(score, "PART_ROWS", 300)
    return Desk(models=models, home=tmp_path)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def scored(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in parts(folder)], ignore_index=True)


def left(desk: Desk) -> list[str]:
    """What is half-written anywhere."""
    return [path.name for path in desk.home.rglob("*.new")]


def test_a_classifier_answers_as_it_would_on_the_whole_frame(desk: Desk) -> None:
    import mlflow.sklearn

    frame = rows(1000)
    frame.to_parquet(desk.home / "rows.parquet", row_group_size=100, index=False)
    found = desk.score("late", "rows.parquet", "out", keep=("id", "other"))
    assert (found.rows, found.parts, found.skipped_parts, found.files) == (1000, 4, 0, 1)
    assert found.model_memory_mb and found.peak_memory_mb and found.rows_per_second > 0
    answers = scored(desk.home / "out")
    assert list(answers.columns) == ["id", "other", "prediction", "probability_no", "probability_yes"]
    model = mlflow.sklearn.load_model(str(desk.models / "late"))
    features = frame[["a", "n", "text"]]
    assert list(answers["prediction"]) == list(model.predict(features))
    assert answers["probability_yes"].to_numpy() == pytest.approx(model.predict_proba(features)[:, 1], abs=1e-12)
    pd.testing.assert_frame_equal(answers[["id", "other"]], frame[["id", "other"]])

    notes = parquet.read_schema(parts(desk.home / "out")[1]).metadata
    assert notes[b"mlops_ci.model_digest"].decode() == desk.release("late").model_digest
    assert notes[b"mlops_ci.rows"] == b"300"
    assert {b"mlops_ci.version", b"mlops_ci.run_id", b"mlops_ci.inputs_digest", b"mlops_ci.input_digest"} <= set(notes)
    manifest = json.loads((desk.home / "out/_mlops_ci.json").read_text())
    assert (manifest["complete"], manifest["rows"]) == (True, 1000)
    assert manifest["files"][0]["size"] == (desk.home / "rows.parquet").stat().st_size
    assert not left(desk)

    before = {path: path.stat().st_mtime_ns for path in parts(desk.home / "out")}
    again = desk.score("late", "rows.parquet", "out", keep=("id", "other"))
    assert (again.skipped_parts, again.rows_per_second) == (4, 0.0), "nothing is done twice"
    assert {path: path.stat().st_mtime_ns for path in parts(desk.home / "out")} == before
    before_last = before.popitem()[0]
    whole = before_last.read_bytes()
    before_last.write_bytes(whole[:100])
    assert desk.score("late", "rows.parquet", "out", keep=("id", "other")).skipped_parts == 3
    assert before_last.read_bytes() == whole, "a part that is not whole is made again, byte for byte"


def test_one_file_is_made_of_the_parts(desk: Desk) -> None:
    frame = rows(700)
    frame.to_parquet(desk.home / "rows.parquet", row_group_size=100)
    assert desk.score("minutes", "rows.parquet", "sub folder/all.parquet", keep_all=True).parts == 3
    answers = pd.read_parquet(desk.home / "sub folder/all.parquet")
    pd.testing.assert_frame_equal(answers[list(frame.columns)], frame)
    assert answers["prediction"].to_numpy() == pytest.approx(frame["a"] * 3)
    assert [path.name for path in (desk.home / "sub folder").iterdir()] == ["all.parquet"]
    assert desk.score("minutes", "rows.parquet", "sub folder/all.parquet", keep_all=True).skipped_parts == 3
    with pytest.raises(UsageError, match="holds predictions of other rows") as caught:
        desk.score("minutes", "rows.parquet", "sub folder/all.parquet")
    assert "--overwrite" in caught.value.hint
    desk.score("minutes", "rows.parquet", "sub folder/all.parquet", overwrite=True)
    assert list(pd.read_parquet(desk.home / "sub folder/all.parquet")) == ["prediction"]


def test_several_answers_are_several_columns(desk: Desk) -> None:
    rows(10).to_parquet(desk.home / "rows.parquet")
    desk.score("band", "rows.parquet", "out", keep=("a",))
    answers = scored(desk.home / "out")
    assert answers["prediction_high"].to_numpy() == pytest.approx(answers["a"] + 1)
    assert list(answers) == ["a", "prediction_low", "prediction_high"]


def test_another_release_or_other_rows_do_not_mix(desk: Desk) -> None:
    rows(400).to_parquet(desk.home / "rows.parquet", row_group_size=100)
    desk.score("minutes", "rows.parquet", "out")
    with pytest.raises(UsageError, match="of another release"):
        desk.score("late", "rows.parquet", "out")
    rows(200).to_parquet(desk.home / "rows.parquet")
    with pytest.raises(UsageError, match="of other rows"):
        desk.score("minutes", "rows.parquet", "out")
    (desk.home / "out/notes.txt").write_text("mine")
    assert desk.score("minutes", "rows.parquet", "out", overwrite=True).rows == 200
    assert len(parts(desk.home / "out")) == 1
    assert (desk.home / "out/notes.txt").read_text() == "mine"
    (desk.home / "theirs").mkdir()
    (desk.home / "theirs/data.parquet").write_text("x")
    with pytest.raises(UsageError, match=r"files that mlops-ci did not write: data\.parquet"):
        desk.score("minutes", "rows.parquet", "theirs", overwrite=True)
    claimed = desk.order("minutes", "rows.parquet", "out").output.claim()
    with claimed, pytest.raises(BackendError, match="another mlops-ci score is writing to out"):
        desk.score("minutes", "rows.parquet", "out")


def test_a_row_that_can_not_be_predicted_is_named_and_the_rest_is_kept(desk: Desk) -> None:
    frame = rows(900)
    frame.loc[650, "a"] = 2000.0
    frame.to_parquet(desk.home / "rows.parquet", row_group_size=100)
    words = r"rows\.parquet, row group 7, rows 41 to 60: ValueError: that is far too much"
    with pytest.raises(StageFailed, match=words) as caught:
        desk.score("band", "rows.parquet", "out", batch_rows=20)
    assert caught.value.exit_code == 3
    log = (desk.home / ".mlops/logs/band/score.log").read_text()
    assert "band.py" in log
    assert "batch_script.py" not in log, "the way through our own script says nothing to the model's author"
    assert [path.name for path in parts(desk.home / "out")] == ["part-00000-00000.parquet", "part-00000-00001.parquet"]
    assert not left(desk)


def broken(frame: pd.DataFrame, how: str) -> pd.DataFrame:
    if how == "renamed":
        return frame.rename(columns={"text": "texts"})
    if how == "numbers":
        return frame.assign(text=1.5)
    if how == "words":
        return frame.assign(a=["1.5"] * 7 + ["many"] * 43)
    return frame.assign(n=frame["n"].where(frame.index != 7))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("renamed", r"needs the column 'text', which b\.parquet lacks; did you mean its column 'texts'"),
        ("numbers", r"b\.parquet, row group 1, rows 1 to 50: the column 'text' is not string.*it holds numbers"),
        ("words", r"b\.parquet, row group 1, row 8: the column 'a' is not double"),
        ("nothing", r"b\.parquet, row group 1, row 8: the column 'n' has a missing value"),
    ],
)
def test_what_does_not_fit_the_signature_is_told_by_file_and_column(desk: Desk, how: str, words: str) -> None:
    rows(50).to_parquet(desk.home / "a.parquet")
    broken(rows(50), how).to_parquet(desk.home / "b.parquet")
    with pytest.raises(DataError, match=words) as caught:
        desk.score("late", "?.parquet", "out")
    assert (caught.value.exit_code, len(str(caught.value).splitlines())) == (3, 1)
    assert "mend the data" in caught.value.hint
    assert "Traceback" not in caught.value.hint + (desk.home / ".mlops/logs/late/score.log").read_text()
    assert len(parts(desk.home / "out")) == (0 if how == "renamed" else 1)


def test_files_may_differ_in_types_that_fit(desk: Desk) -> None:
    """Of texts, categories; of whole numbers, floats; and kept columns come in the type that holds both."""
    rows(30).to_parquet(desk.home / "a.parquet")
    other = rows(30, seed=1).astype({"text": "category", "n": "float64", "id": "int32", "a": "float32"})
    other["other"] = range(30)
    other.to_parquet(desk.home / "b.parquet")
    desk.score("late", "*.parquet", "out.parquet", keep=("id", "other"))
    answers = pd.read_parquet(desk.home / "out.parquet")
    assert len(answers) == 60
    assert answers["other"].iloc[-1] == 29.0
    rows(5).assign(other="text").to_parquet(desk.home / "c.parquet")
    with pytest.raises(DataError, match="the kept columns do not fit together"):
        desk.score("late", "*.parquet", "again", keep=("other",))
    with pytest.raises(DataError, match=r"a\.parquet has no column 'idd'") as caught:
        desk.score("late", "*.parquet", "again", keep=("idd",))
    assert "did you mean 'id'" in caught.value.hint
    assert not (desk.home / "again").exists(), "nothing is left of what did not begin"


def test_folders_give_columns_and_hostile_names_are_names(desk: Desk) -> None:
    names = ["a b[1]", "ü'\"\n;$(x)", "--help"]
    for place, name in enumerate(names):
        folder = desk.home / f"data/text=fr/day=2013-01-0{place + 1}"
        folder.mkdir(parents=True)
        rows(40, seed=place).drop(columns="text").to_parquet(folder / f"{name}.parquet")
    rows(1).to_parquet(desk.home / "data/_not_ours.parquet")
    assert desk.score("late", "data", "out", keep=("id", "day")).files == 3
    answers = scored(desk.home / "out")
    assert list(answers["day"].unique()) == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert list(answers["id"][::40]) == [0, 1000, 2000]
    name = f"data/text=fr/day=2013-01-01/{names[0]}.parquet"
    assert desk.score("late", name, "one", keep=("day",)).rows == 40


def test_empty_and_wide_files(desk: Desk) -> None:
    (desk.home / "in").mkdir()
    rows(0).to_parquet(desk.home / "in/a.parquet")
    assert desk.score("late", "in", "none", keep=("id",)).rows == 0
    assert list(scored(desk.home / "none")) == ["id", "prediction"]
    wide = pd.concat([rows(120), pd.DataFrame(np.ones((120, 800)), columns=[f"c{i}" for i in range(800)])], axis=1)
    wide.to_parquet(desk.home / "in/b.parquet", row_group_size=50)
    order = desk.order("late", "in", "all")
    assert score.batch_rows(order.rows.open({}, spool=desk.home, say=desk.said.append)) == 1_000_000 // 805
    found = desk.score("late", "in", "all.parquet", keep=("id",))
    assert (found.rows, found.parts, found.files) == (120, 1, 2)
    assert len(pd.read_parquet(desk.home / "all.parquet")) == 120
    (desk.home / "in/c.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"in/c\.parquet is not readable as Parquet"):
        desk.score("late", "in", "more")
    with pytest.raises(DataError, match="there is no data at 'nowhere/"):
        desk.score("late", "nowhere/*.parquet", "more")


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.tsv"])
def test_texts_are_read_in_the_types_of_the_signature(desk: Desk, name: str) -> None:
    frame = rows(600).assign(code="007")
    frame.to_csv(desk.home / name, index=False, sep="\t" if name.endswith("tsv") else ",")
    found = desk.score("minutes" if name.endswith("tsv") else "late", name, "out", keep=("id", "code"))
    assert found.rows == 600
    assert scored(desk.home / "out")["code"].iloc[0] in ("007", 7)
    assert not (desk.scratch("out") / "rows").exists(), "what was only needed meanwhile is gone"


def test_a_broken_text_is_told(desk: Desk) -> None:
    (desk.home / "rows.csv").write_text("a,n,text\n1.5,2,de\nmany,3,fr\n")
    with pytest.raises(DataError, match=r"rows\.csv is not readable as CSV.*many"):
        desk.score("late", "rows.csv", "out")
    (desk.home / "rows.csv").write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match="two columns named 'a'"):
        desk.score("late", "rows.csv", "out")


def test_formats_that_are_not_allowed_are_not_loaded(desk: Desk) -> None:
    rows(5).to_parquet(desk.home / "rows.parquet")
    release = desk.release("late", serving={"formats": '["skops"]'})
    with pytest.raises(StageFailed, match=r"model\.pkl is a pickle file, which is not allowed here"):
        desk.score("late", "rows.parquet", "out", release=release)
    strict = desk.release("late", serving={"formats": '["pickle"]', "refuse_nan": "true"})
    frame = rows(5).assign(a=[1.0, float("nan"), 3.0, 4.0, 5.0])
    frame.to_parquet(desk.home / "rows.parquet")
    with pytest.raises(DataError, match="row 2: the column 'a' has a missing value"):
        desk.score("late", "rows.parquet", "strict", release=strict)


def test_a_dry_run_tells_and_touches_nothing(desk: Desk) -> None:
    def told(**options: Any) -> str:
        order = desk.order("band", "rows.parquet", "out", **options)
        return " ".join(score.dry_run(order, scratch=desk.scratch("out")))

    frame = rows(900)
    frame.loc[650, "a"] = 2000.0
    frame.to_parquet(desk.home / "rows.parquet", row_group_size=100)
    assert "900 rows in 1 file, with version 3 of band into out: 3 parts, 0 of them are done" in told()
    assert not (desk.home / "out").exists()
    with pytest.raises(StageFailed):
        desk.score("band", "rows.parquet", "out")
    assert "3 parts, 2 of them are done already" in told()
    frame.to_csv(desk.home / "rows.csv")
    order = desk.order("band", "rows.csv", "new")
    assert "an unknown number of rows in 1 file" in " ".join(score.dry_run(order, scratch=desk.scratch("new")))
    assert not any(desk.scratch("new").iterdir())


def test_ten_times_the_rows_take_no_more_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured from outside, of the largest process; the rows are one row group, which is not held as a whole."""
    monkeypatch.setattr(score, "PART_ROWS", 1_000_000)
    ended: list[process.Completed] = []

    def stream(*words: Any, **options: Any) -> process.Completed:
        ended.append(process.stream(*words, **options))
        return ended[-1]

    monkeypatch.setattr(scorer, "process", SimpleNamespace(**{**vars(process), "stream": stream}))
    random = np.random.default_rng(3)
    columns = [f"x{place}" for place in range(8)]
    for count in (FEW, 10 * FEW):
        table = pa.table({name: random.normal(size=count) for name in ["a", *columns]})
        parquet.write_table(table, desk.home / "rows.parquet", row_group_size=count, compression="none")
        found = desk.score("band", "rows.parquet", f"out-{count}", keep=columns, batch_rows=FEW // 10)
        assert (found.rows, found.parts) == (count, 1)
    few, many = (done.peak_memory_mb for done in ended)
    assert few is not None
    assert many is not None
    held = 9 * FEW * 9 * 8 / 2**20  # what is more, in MB
    assert many - few < held / 2, f"{few:.0f} MB for {FEW:,} rows, {many:.0f} MB for ten times as many ({held:.0f} MB)"
