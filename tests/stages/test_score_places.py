"""Batch scoring from and to what is not on this disk, and across a kill: real PostgreSQL, SQLite and S3."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import fs

from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.errors import BackendError, DataError, UsageError
from mlops_ci.stages import score
from tests.backends.object_store import BUCKET, s3
from tests.backends.object_store import bucket as bucket_of
from tests.backends.postgres import postgres
from tests.stages.batches import Desk, rows, save_models

__all__ = ["postgres", "s3"]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    save_models(home)
    return home


@pytest.fixture
def desk(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Parts of 300 rows."""
    monkeypatch.setattr(score, "PART_ROWS", 300)
    return Desk(models=models, home=tmp_path)


def test_from_s3_to_s3(desk: Desk, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.setenv(name, s3[name])
    far, bucket = Desk(models=desk.models, home=desk.home, environ=s3), bucket_of(s3)
    for place in range(2):
        rows(700, seed=place).to_parquet(desk.home / "x.parquet", row_group_size=100)
        fs.copy_files(str(desk.home / "x.parquet"), f"{BUCKET}/in/day={place + 1}/a b[{place}].parquet", None, bucket)
    fs.copy_files(str(desk.home / "x.parquet"), f"{BUCKET}/in/other/_x.parquet", None, bucket)

    found = far.score("late", f"s3://{BUCKET}/in/**/a*.parquet", f"s3://{BUCKET}/out", keep=("id", "day"))
    assert (found.rows, found.parts, found.files) == (1400, 6, 2)
    told = bucket.get_file_info(fs.FileSelector(f"{BUCKET}/out"))
    assert sorted(item.base_name for item in told)[0] == "_mlops_ci.json"
    assert len(told) == 7
    answers = pd.read_parquet(f"{BUCKET}/out/part-00001-00000.parquet", filesystem=bucket)
    assert list(answers["day"].unique()) == ["2"]
    assert list(answers["id"][:2]) == [1000, 1001]

    bucket.delete_file(f"{BUCKET}/out/part-00001-00001.parquet")
    again = far.score("late", f"s3://{BUCKET}/in/**/a*.parquet", f"s3://{BUCKET}/out", keep=("id", "day"))
    assert again.skipped_parts == 5
    assert far.score("late", f"s3://{BUCKET}/in", f"s3://{BUCKET}/whole/all.parquet").rows == 1400
    left = bucket.get_file_info(fs.FileSelector(f"{BUCKET}/whole", recursive=True))
    assert [item.base_name for item in left if item.type == fs.FileType.File] == ["all.parquet"]
    with pytest.raises(UsageError, match="of another release"):
        far.score("minutes", f"s3://{BUCKET}/in", f"s3://{BUCKET}/out")
    with pytest.raises(DataError, match="there is no data at 's3://rows/nowhere/"):
        far.score("late", f"s3://{BUCKET}/nowhere/*.parquet", "out")
    with pytest.raises(DataError, match="there is no data at 's3://no-such-bucket/"):
        far.score("late", "s3://no-such-bucket/x/*.parquet", "out")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_is_asked_once(
    desk: Desk, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy

    from mlops_ci.backends.data import spool

    monkeypatch.setattr(spool, "QUERY_ROWS", 400)
    place = request.getfixturevalue("postgres") if kind == "postgresql" else desk.home
    url = "sqlite:///d.db" if kind == "sqlite" else f"postgresql://ann:hunter2@/postgres?host={place}"
    if kind == "sqlite":
        sqlite3.connect(desk.home / "d.db").close()
    engine = sqlalchemy.create_engine(
        SqlSource(url=url, directory=desk.home, table="x").address, poolclass=sqlalchemy.NullPool
    )
    frame = rows(1000)
    frame.to_sql("People", engine, index=False, if_exists="replace")
    found = desk.score("late", url, "out", table="People", keep=("id",))
    assert (found.rows, found.parts) == (1000, 3)
    assert "hunter2" not in f"{found} {(desk.home / 'out/_mlops_ci.json').read_text()} {desk.said}"
    answers = pd.concat([pd.read_parquet(path) for path in sorted((desk.home / "out").glob("*.parquet"))])
    assert sorted(answers["id"]) == list(range(1000))
    assert desk.score("late", url, "out", table="People", keep=("id",)).skipped_parts == 3, "the rows are the same"
    query = "select id, a, n, text from \"People\" where id < 10 and text <> 'x:y'"
    assert desk.score("late", url, "some.parquet", query=query, keep_all=True).rows == 10
    assert desk.score("late", url, "none", query='select a, n, text from "People" where 1 = 0').rows == 0
    with pytest.raises(DataError if kind == "postgresql" else BackendError, match="nowhere"):
        desk.score("late", url, "more", query="select * from nowhere")
    with pytest.raises(UsageError, match="either --table or --query"):
        desk.score("late", url, "more")


SCORE = """\
import sys
from pathlib import Path
from mlops_ci.stages import score
from tests.stages.batches import Desk
score.PART_ROWS = 300
Desk(models=Path(sys.argv[1]), home=Path(sys.argv[2])).score("band", "rows.parquet", sys.argv[3], keep=("id",))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_what_was_killed_goes_on_where_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, sign: signal.Signals
) -> None:
    frame = rows(1000)
    frame.loc[650, "a"] = -2000.0  # there the model waits
    frame.to_parquet(desk.home / "rows.parquet", row_group_size=100)
    monkeypatch.setenv("HOLD", str(desk.home))
    desk = Desk(models=desk.models, home=desk.home)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", SCORE, str(desk.models), str(desk.home), "out"]
    with subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 300
        while not (desk.home / "begun").exists() or len(list((desk.home / "out").glob("part-*"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < until
        process.send_signal(sign)
    before = {path.name: path.stat().st_mtime_ns for path in (desk.home / "out").glob("part-*")}
    assert sorted(before) == ["part-00000-00000.parquet", "part-00000-00001.parquet"]
    (desk.home / "go").touch()

    again = desk.score("band", "rows.parquet", "out", keep=("id",))
    assert (again.rows, again.parts, again.skipped_parts) == (1000, 4, 2)
    after = {path.name: path.stat().st_mtime_ns for path in (desk.home / "out").glob("part-*")}
    assert before.items() <= after.items(), "what was done is not done again"
    desk.score("band", "rows.parquet", "at once", keep=("id",))
    for path in sorted((desk.home / "at once").glob("part-*")):
        assert path.read_bytes() == (desk.home / "out" / path.name).read_bytes()
    assert not list(desk.home.rglob("*.new"))
