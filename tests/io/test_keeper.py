"""The keeper, with servers of a few lines: whatever goes wrong around what serves, it serves on."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.keeper.client import Conversation, KeeperClient, NotReady
from mlops_ci.errors import BackendError
from mlops_ci.io import keeper as script

SERVER = """\
import json, os, signal, sys
ready = sys.argv[sys.argv.index("--ready-file") + 1]
def tell(took_over):
    with open(ready + ".new", "w") as file:
        json.dump({"port": 7, "pid": os.getpid(), "took_over": took_over}, file)
    os.replace(ready + ".new", ready)
signal.signal(signal.SIGUSR1, lambda *_: %s)
signal.signal(signal.SIGTERM, lambda *_: %s)
tell(False)
while True:
    signal.pause()
"""


def server(name: str, *, asked: str = "tell(True)", ended: str = "os._exit(0)", drain: float = 1.0) -> dict[str, Any]:
    """What the keeper is to start; `asked` is what it does when it is to take over, `ended` when it is to go."""
    words = [sys.executable, "-I", "-S", "-c", SERVER % (asked, ended)]
    return {"id": name, "argv": words, "env": {}, "drain_seconds": drain}


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[KeeperClient]:
    client = KeeperClient(folder=tmp_path)
    client.up(host="127.0.0.1", port=0)
    yield client
    client.stop(seconds=30)


def follow(keeper: KeeperClient, spec: dict[str, Any]) -> int:
    with keeper.start(spec, timeout=30) as starting:
        assert starting.failed == ""
        starting.switch(timeout=30)
    status = keeper.ask({"do": "status"})
    assert status["active"] == spec["id"]
    return int(status["pid"])


def until(true: Callable[[], object]) -> None:
    ended = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ended, "it did not come true"
        os.sched_yield()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_candidate_that_crashes_while_its_asker_smokes_it_is_the_answer_to_what_comes_next(
    keeper: KeeperClient,
) -> None:
    first = follow(keeper, server("first"))
    with keeper.start(server("second"), timeout=30) as starting:
        (ready,) = keeper.folder.glob("ready-second-*.json")
        pid = json.loads(ready.read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: not ready.exists())
        with keeper.start(server("third"), timeout=30) as third:
            assert third.failed == "another server is about to follow"
        with pytest.raises(BackendError, match="could not take over: it ended with exit code -9"):
            starting.switch(timeout=30)
    assert keeper.ask({"do": "status"})["pid"] == first
    assert follow(keeper, server("third")) != first


def test_a_candidate_that_crashes_as_it_takes_over_is_told_at_once(keeper: KeeperClient) -> None:
    first = follow(keeper, server("first"))
    with (
        keeper.start(server("second", asked="os._exit(9)"), timeout=30) as starting,
        pytest.raises(BackendError, match="ended with exit code 9"),
    ):
        starting.switch(timeout=30)
    assert keeper.ask({"do": "status"})["pid"] == first


def test_an_asker_that_does_not_wait_for_the_answer_ends_nothing(keeper: KeeperClient) -> None:
    first = follow(keeper, server("first"))
    for _ in range(3):
        rude = Conversation(keeper.known())
        rude.socket.sendall(json.dumps({"do": "start", "server": {**server("x"), "argv": ["/bin/false"]}}).encode())
        rude.socket.sendall(b"\n")
        rude.close()
    assert keeper.ask({"do": "status"})["pid"] == first


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"no JSON",
        b"{}",
        b'{"do": "start"}',
        b'{"do": "start", "server": {"id": "x"}}',
        b'{"do": "start", "server": []}',
        b"[" * 100_000,
    ],
)
def test_whoever_speaks_otherwise_is_hung_up_on_and_nothing_more(keeper: KeeperClient, line: bytes) -> None:
    first = follow(keeper, server("first"))
    with Conversation(keeper.known()) as other:
        other.socket.settimeout(30)
        other.socket.sendall(line + b"\n")
        assert other.socket.recv(1) == b""
    assert keeper.ask({"do": "status"})["pid"] == first


def test_a_switch_that_can_not_be_noted_is_none(keeper: KeeperClient) -> None:
    first = follow(keeper, server("first"))
    (keeper.folder / ".active.json.new").mkdir()  # what a full disk refuses, a folder in the way refuses too
    with (
        keeper.start(server("second"), timeout=30) as starting,
        pytest.raises(BackendError, match=r"active\.json could not be written"),
    ):
        starting.switch(timeout=30)
    status = keeper.ask({"do": "status"})
    assert (status["pid"], status["answering"]) == (first, True)
    (keeper.folder / ".active.json.new").rmdir()
    assert follow(keeper, server("second")) != first


def test_a_program_that_is_missing_is_told(keeper: KeeperClient) -> None:
    with keeper.start({**server("x"), "argv": ["/no/such/python"]}, timeout=30) as starting:
        assert starting.failed == "it could not be started: No such file or directory"


def test_who_is_not_ready_in_time_is_told_apart_and_goes(keeper: KeeperClient) -> None:
    with pytest.raises(NotReady, match=r"not ready within 0\.2 s"):
        keeper.start({**server("x"), "argv": ["/bin/sh", "-c", "exec tail -f /dev/null"]}, timeout=0.2)
    follow(keeper, server("first"))


def test_a_server_that_does_not_leave_is_killed(keeper: KeeperClient) -> None:
    stays = follow(keeper, server("stays", ended="None", drain=-script.OVERDUE))
    follow(keeper, server("next"))
    until(lambda: not lives(stays))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "{}", '{"id": "x"}', '{"id": "x", "env": {}, "argv": ["/no/such/python"]}', '{"id": 1, "argv": 2}'],
)
def test_a_note_of_what_served_that_can_not_be_used_keeps_nobody_from_coming_up(tmp_path: Path, content: str) -> None:
    (tmp_path / "active.json").write_text(content)
    client = KeeperClient(folder=tmp_path)
    try:
        client.up(host="127.0.0.1", port=0)
        assert client.ask({"do": "status"})["active"] == ""
        follow(client, server("first"))
    finally:
        client.stop(seconds=30)


def test_its_socket_is_gone_with_it_however_it_ended(tmp_path: Path) -> None:
    client = KeeperClient(folder=tmp_path)
    client.up(host="127.0.0.1", port=0)
    stopped = Path(client.known()["control"]).parent
    client.stop(seconds=30)
    assert not stopped.exists()
    client.up(host="127.0.0.1", port=0)
    known = client.known()
    os.kill(known["pid"], signal.SIGKILL)
    until(lambda: not client.alive())
    client.stop(seconds=30)
    assert not Path(known["control"]).parent.exists()
    assert not (tmp_path / "keeper.json").exists()


def test_a_keeper_that_lives_on_is_told(keeper: KeeperClient) -> None:
    follow(keeper, server("stays", ended="None", drain=60.0))
    pid = keeper.ask({"do": "status"})["pid"]
    with pytest.raises(BackendError, match=r"did not end within 0\.2 s"):
        keeper.stop(seconds=0.2)
    with keeper.start(server("late"), timeout=30) as starting:
        assert starting.failed == "it is to stop"
    os.kill(pid, signal.SIGKILL)


def test_who_looks_whether_it_lives_does_not_keep_it_from_coming(tmp_path: Path) -> None:
    client = KeeperClient(folder=tmp_path)
    with open(tmp_path / "keeper.lock", "w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not client.alive(), "another who looks is no keeper"
        timer = threading.Timer(0.3, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        timer.start()
        try:
            client.up(host="127.0.0.1", port=0)
        finally:
            timer.join()
    client.stop(seconds=30)


@pytest.mark.parametrize("answer", [b"", b'{"ready": 1', b"[]\n", b"no JSON\n", b'{"ready": "soon"}\n', b"{}\n"])
def test_a_broken_answer_is_an_error_of_ours(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listening, open(tmp_path / "keeper.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = f"{tempfile.mkdtemp()}/control"  # a socket's path must be short
        listening.bind(path)
        listening.listen()
        (tmp_path / "keeper.json").write_text(json.dumps({"control": path}))

        def speak() -> None:
            connection, _ = listening.accept()
            connection.recv(1_000_000)
            connection.sendall(answer)
            connection.close()

        speaking = threading.Thread(target=speak)
        speaking.start()
        with pytest.raises(BackendError, match="keeper"):
            KeeperClient(folder=tmp_path).start(server("x"), timeout=30)
        speaking.join()
        shutil.rmtree(Path(path).parent)


def test_neither_the_keeper_nor_what_it_serves_has_the_credentials_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc, which shows the variables of a process")
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    monkeypatch.setenv("MLOPS_CI_KUBECONFIG", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = KeeperClient(folder=tmp_path)
    client.up(host="127.0.0.1", port=0)
    try:
        for pid in (client.known()["pid"], follow(client, server("one"))):
            given = {line.split("=")[0] for line in Path(f"/proc/{pid}/environ").read_text().split("\0")}
            assert "AWS_SECRET_ACCESS_KEY" in given
            assert not {"GITHUB_TOKEN", "MLOPS_CI_KUBECONFIG"} & given
    finally:
        client.stop(seconds=30)
