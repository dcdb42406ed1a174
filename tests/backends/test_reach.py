"""Whether stores answer: DVC's remotes by DVC itself, MLflow's server by HTTP, what else there is by its library."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_ci.backends.dvc import reach as dvc_reach
from mlops_ci.backends.dvc.command import DvcCommand
from mlops_ci.backends.mlflow import reach as mlflow_reach
from mlops_ci.errors import BackendError, PipelineError, UsageError
from mlops_ci.io import process
from mlops_ci.records.doctor import RemoteFacts
from tests.e2e.tracking_server import serving

SECONDS = 120.0


@pytest.fixture
def project(tmp_path: Path) -> DvcCommand:
    """A DVC project in a repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".dvc").mkdir()
    return DvcCommand(root=tmp_path, folder=tmp_path, home=tmp_path / ".mlops", environ=process.inherited())


def settle(project: DvcCommand, url: str) -> None:
    (project.root / ".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n")


@pytest.mark.slow
def test_a_folder_as_remote(project: DvcCommand, tmp_path: Path) -> None:
    settle(project, str(tmp_path / "store"))
    empty = dvc_reach.remote(project, seconds=SECONDS)
    assert empty == RemoteFacts(name="store", url=str(tmp_path / "store"), there=False)
    (tmp_path / "data.txt").write_text("x\n")
    for words in (["add", "-q", "data.txt"], ["push", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=tmp_path, check=True)
    assert dvc_reach.remote(project, seconds=SECONDS).there


def test_without_a_remote_nobody_is_asked(project: DvcCommand) -> None:
    (project.root / ".dvc/config").write_text("")
    assert dvc_reach.remote(project, seconds=0.0) == RemoteFacts(name="")


def test_a_remote_that_does_not_answer(project: DvcCommand) -> None:
    settle(project, "http://127.0.0.1:9/store")
    with pytest.raises(BackendError, match="the DVC remote 'store' does not answer"):
        dvc_reach.remote(project, seconds=SECONDS)
    settle(project, "s3://bucket/store")
    with pytest.raises(UsageError, match=r"the DVC remote 'store' can't be used: .*dvc-s3|dvc\[s3\]"):
        dvc_reach.remote(project, seconds=SECONDS)
    settle(project, "nope://bucket")
    with pytest.raises(PipelineError, match="DVC's settings can't be read"):
        dvc_reach.remote(project, seconds=SECONDS)


def test_dvc_that_was_never_set_up(project: DvcCommand) -> None:
    (project.root / ".dvc").rmdir()
    with pytest.raises(UsageError, match="DVC is not set up"):
        dvc_reach.remote(project, seconds=SECONDS)


@contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[tuple[str, list[str]]]:
    """A server that is none of MLflow's, and the credentials that came to it."""
    credentials: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            credentials.append(self.headers.get("authorization", ""))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_address[1]}", credentials
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


def test_a_server_that_does_not_let_us_in() -> None:
    with answering(401) as (url, seen):
        with pytest.raises(UsageError, match="does not let us in") as caught:
            mlflow_reach.server(url, {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "hunter2"})
        assert seen[-1] == "Basic " + base64.b64encode(b"ann:hunter2").decode()
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"
        with pytest.raises(UsageError):
            mlflow_reach.server(url, {"MLFLOW_TRACKING_TOKEN": "abc"})
        assert seen[-1] == "Bearer abc"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, b"<html>login</html>", UsageError, "is no MLflow server"),
        (500, b"", BackendError, "answered 500"),
        (404, b"", BackendError, "answered 404"),
    ],
)
def test_something_else_answers(status: int, body: bytes, kind: type[Exception], words: str) -> None:
    with answering(status, body) as (url, _), pytest.raises(kind, match=words):
        mlflow_reach.server(url, {})


@pytest.mark.slow
def test_mlflow_s_own_server(tmp_path: Path) -> None:
    (tmp_path / ".mlops").mkdir()
    with serving(tmp_path) as door:
        found = mlflow_reach.server(door.url, {})
        assert (found.uri, found.version[:2]) == (door.url, "3.")
        assert found.artifacts, "where it has files put"
        registry = mlflow_reach.server(door.url, {}, what=mlflow_reach.REGISTRY)
        assert registry.version == found.version
        door.shut()
        with pytest.raises(BackendError, match=rf"{door.url} does not answer"):
            mlflow_reach.server(door.url, {})


@pytest.mark.slow
def test_what_only_the_library_reaches(tmp_path: Path) -> None:
    place = tmp_path.as_uri()
    assert mlflow_reach.by_library(place, root=tmp_path, seconds=SECONDS, artifacts=True).uri == place
    with pytest.raises(BackendError, match="did not end within"):
        mlflow_reach.by_library(place, root=tmp_path, seconds=0.01, artifacts=True)


def test_what_the_library_says_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """In this process, since the library has to be imported once only."""
    assert mlflow_reach.main("artifacts", "nope://bucket/models") == 1
    assert "nope://bucket/models" in capsys.readouterr().out
