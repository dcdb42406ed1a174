"""The door to an API server, before one that answers as it is told to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.kserve import kube_client
from mlops_ci.backends.kserve.kube_client import ClusterDown, KubeClient, Refused
from mlops_ci.errors import BackendError

TOKEN = "a-token-that-nobody-may-see"


class Server(http.server.ThreadingHTTPServer):
    """Answers with what is in `answers`, the last one again and again; `seen` are the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str, str]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if self.raw_requestline and self.parse_request():
            self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        self.server.seen.append((self.command, self.path, body))
        answers = self.server.answers
        status, content = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:
            self.close_connection = True
            return
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(kube_client, "WAITS", (0.0, 0.0))
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


def config_of(server: Server, folder: Path) -> Path:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    path = folder / "kubeconfig"
    document = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def client(server: Server, tmp_path: Path) -> KubeClient:
    return KubeClient.open(kubeconfig=str(config_of(server, tmp_path)), context="")


def status(code: int, message: str = "no", **details: Any) -> tuple[int, Any]:
    return code, {"kind": "Status", "message": message, "code": code, "details": details}


@pytest.mark.parametrize("busy", [status(429), status(503), status(504), (0, b"")])
def test_a_read_is_asked_again(server: Server, client: KubeClient, busy: tuple[int, Any]) -> None:
    server.answers = [busy, busy, (200, {"found": True})]
    assert client.get("/api") == {"found": True}
    server.answers = [busy]
    with pytest.raises(BackendError):
        client.get("/api")
    assert len(server.seen) == 6


def test_a_write_is_asked_again_only_where_the_server_did_not_begin(server: Server, client: KubeClient) -> None:
    server.answers = [status(429), (200, {"applied": True})]
    assert client.apply("/x", {"a": 1}) == {"applied": True}
    assert server.seen[-1] == ("PATCH", "/x?fieldManager=mlops-ci&force=false", '{"a": 1}')
    server.seen.clear()
    for answer in (status(500), status(504)):
        server.answers = [answer]
        with pytest.raises(Refused):
            client.apply("/x", {"a": 1}, dry_run=True)
    server.answers = [(0, b"")]
    with pytest.raises(ClusterDown):
        client.create("/x", {"a": 1})
    assert [path for _, path, _ in server.seen] == [
        *["/x?fieldManager=mlops-ci&force=false&dryRun=All"] * 2,
        "/x",
    ]


def test_what_is_not_there_is_none(server: Server, client: KubeClient) -> None:
    server.answers = [status(404)]
    assert client.get("/x") is None
    assert client.text("/x") == ""
    assert client.delete("/x") is False
    server.answers = [(200, b"lines\n")]
    assert client.text("/x", tailLines="2") == "lines\n"
    assert server.seen[-1][1] == "/x?tailLines=2"


def test_what_the_server_says_is_told_and_no_secret(server: Server, client: KubeClient) -> None:
    causes = [{"field": ".spec.a", "message": 'conflict with "kubectl"'}]
    server.answers = [status(409, "conflict", causes=causes)]
    with pytest.raises(Refused) as caught:
        client.apply("/x", {})
    assert caught.value.causes == ((".spec.a", 'conflict with "kubectl"'),)
    for answer, words in (
        (status(403, "user can't"), "the cluster forbids it: user can't"),
        (status(401), "does not know who asks"),
        ((418, b"<html>"), "it answered 418"),
        (status(422, "x" * 5000), "the cluster refuses: xxx"),
    ):
        server.answers = [answer]
        with pytest.raises(Refused, match=words) as refused:
            client.create("/x", {})
        assert len(refused.value.message) < 600
        assert TOKEN not in f"{refused.value}{refused.value.hint}"
    assert TOKEN not in repr(client)


def test_nobody_there_is_told_with_the_address_alone(server: Server, tmp_path: Path) -> None:
    port = server.server_address[1]
    client = KubeClient.open(kubeconfig=str(config_of(server, tmp_path)), context="")
    server.shutdown()
    server.server_close()
    with pytest.raises(ClusterDown, match=f"the cluster at 127.0.0.1:{port} does not answer: .*refused"):
        client.get("/api")


def test_a_kubeconfig_may_be_given_as_its_text(server: Server, tmp_path: Path) -> None:
    text = config_of(server, tmp_path).read_text() + "\n"
    assert KubeClient.open(kubeconfig=text, context="here").host == f"127.0.0.1:{server.server_address[1]}"
    for wrong in (f"token: {TOKEN}\n  x: [", f"- {TOKEN}\n", f"users: {TOKEN}\nclusters: 1\n"):
        with pytest.raises(BackendError, match="no cluster is configured: ") as caught:
            KubeClient.open(kubeconfig=wrong, context="")
        assert TOKEN not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("kubeconfig", ["nowhere", "broken"])
def test_a_kubeconfig_that_says_nothing_is_named(tmp_path: Path, kubeconfig: str) -> None:
    (tmp_path / "broken").write_text("- not\n- a\n- config\n")
    with pytest.raises(BackendError, match="no cluster is configured") as caught:
        KubeClient.open(kubeconfig=str(tmp_path / kubeconfig), context="")
    assert "KUBECONFIG" in caught.value.hint


def test_a_context_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no cluster is configured"):
        KubeClient.open(kubeconfig=str(config_of(server, tmp_path)), context="elsewhere")
