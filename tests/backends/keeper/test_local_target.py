"""Releases served on this machine, by real servers, through every kind of end."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.keeper import served_note, server_logs
from mlops_ci.backends.keeper import target as keeper_target
from mlops_ci.backends.keeper.client import KeeperClient
from mlops_ci.backends.keeper.local_target import local_target
from mlops_ci.backends.keeper.target import KeeperTarget
from mlops_ci.errors import BackendError, ConfigError, GateFailed, StaleError
from mlops_ci.io import http
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, DeployerContract, Stage
from tests.backends.toys import gone, make_sources, releases_of, until

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_sources(tmp_path_factory.mktemp("models"))


@pytest.fixture
def stage(sources: list[Path], tmp_path: Path) -> Iterator[Stage]:
    target = local_target(tmp_path / "serving")
    made = Stage(deployer=target, releases=releases_of(sources), sources=sources, python=Path(sys.executable))
    yield made
    target.delete("toy", ENVIRONMENT, sequence=None)


def keeper(stage: Stage) -> KeeperClient:
    assert isinstance(stage.deployer, KeeperTarget)
    return KeeperClient(folder=(stage.deployer.home / "toy" / ENVIRONMENT).resolve())


class TestLocalTarget(DeployerContract):
    """The contract, on this machine."""


def test_a_server_that_crashes_is_started_again_and_nobody_is_refused(stage: Stage) -> None:
    served, _ = stage.deploy(0)
    before = keeper(stage).ask({"do": "status"})
    os.kill(before["pid"], signal.SIGKILL)
    assert stage.answer(served.url) == 1.0, "the address stays, and the request waits"
    until(lambda: keeper(stage).ask({"do": "status"})["answering"])
    after = keeper(stage).ask({"do": "status"})
    assert after["pid"] != before["pid"]
    assert after["restarts"] == 1


def test_a_keeper_that_was_killed_takes_its_server_along_and_comes_back_at_the_same_address(stage: Stage) -> None:
    served, _ = stage.deploy(0)
    status, pid = keeper(stage).ask({"do": "status"}), keeper(stage).known()["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(status["pid"]))
    now = stage.serving()
    assert now is not None
    assert not now.answering
    again, changed = stage.deploy(0)
    assert changed
    assert again.url == served.url
    assert stage.answer(again.url) == 1.0


KILLED = """\
import os, signal, sys
from pathlib import Path
from mlops_ci.backends.keeper import target as keeper_target
from mlops_ci.backends.keeper import local_target
from tests.backends.deployer_contract import Stage

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

home, python, step, *sources = sys.argv[1:]
owner, _, name = step.rpartition(".")
OWNERS = {"": keeper_target.KeeperTarget, "Processes": local_target.Processes, "Starting": keeper_target.Starting}
setattr(OWNERS[owner], name, die)
from tests.backends.toys import releases_of
stage = Stage(
    deployer=local_target.local_target(Path(home)),
    releases=releases_of([Path(s) for s in sources]), sources=[Path(s) for s in sources], python=Path(python),
)
stage.deploy(1)
"""


@pytest.mark.parametrize("step", ["Processes.spec", "_smoke", "Starting.switch", "_note", "_prune"])
def test_killed_at_any_step_the_next_run_ends_the_same(stage: Stage, step: str) -> None:
    served, _ = stage.deploy(0)
    assert isinstance(stage.deployer, KeeperTarget)
    words = [sys.executable, "-c", KILLED, stage.deployer.home, sys.executable, step, *stage.sources]
    ended = subprocess.run([str(word) for word in words], cwd=Path(__file__).parents[3], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert stage.answer(served.url) in (1.0, 2.0), "somebody always serves"
    stage.deploy(1)
    assert stage.answer(served.url) == 2.0
    now = stage.serving()
    assert now is not None
    assert now.release == stage.releases[1]
    until(lambda: len(servers_of(stage)) == 1)


def servers_of(stage: Stage) -> list[int]:
    """Model servers that work in this stage's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"mlops_ci.serving" in words and (process / "cwd").resolve() == keeper(stage).folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_model_that_can_not_be_loaded_says_so_with_its_last_lines(stage: Stage, tmp_path: Path) -> None:
    stage.deploy(0)
    stage.python = Path("/bin/false")
    with pytest.raises(GateFailed, match="ended with exit code 1") as caught:
        stage.deploy(1)
    assert "what served before serves on" in caught.value.hint
    assert stage.deployer.recorded("toy", ENVIRONMENT) == (stage.releases[0],), "the other has not served"


def test_a_first_server_that_is_not_ready_in_time_fails_with_its_lines_and_leaves_no_keeper(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.python = tmp_path / "python"
    stage.python.write_text("#!/bin/sh\necho loading for hours\nexec tail -f /dev/null\n")
    stage.python.chmod(0o755)
    monkeypatch.setattr(keeper_target, "START_SECONDS", 0.5)
    with pytest.raises(GateFailed, match=r"not ready within 0\.5 s") as caught:
        stage.deploy(0)
    assert "| loading for hours" in caught.value.hint
    assert not keeper(stage).alive()
    assert stage.serving() is None


def test_the_release_says_how_it_is_served(stage: Stage) -> None:
    import pandas

    release = stage.releases[0]
    stage.releases = [dataclasses.replace(release, serving={"log": "{}", "max_body_mb": "0.001"}), stage.releases[1]]
    served, _ = stage.deploy(0)
    assert stage.answer(served.url) == 1.0
    large = http.call("POST", f"{served.url}/v1/models/toy:predict", body=b"[" + b" " * 2000)
    assert large.status == 413
    stage.deployer.delete("toy", ENVIRONMENT, sequence=None)
    (window,) = (keeper(stage).folder / "windows").glob("*.parquet")
    assert list(pandas.read_parquet(window)["x"]) == [1.0], "ours, and not the smoke's rows"


def test_no_secret_is_written_down(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "hunter2")
    stage.deploy(0)
    kept = keeper(stage).folder
    for path in (path for path in kept.rglob("*") if path.is_file()):
        assert b"hunter2" not in path.read_bytes(), path


def test_a_port_that_is_taken_is_named(stage: Stage) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BackendError, match=f"could not listen on 127.0.0.1:{port}"):
            stage.deploy(0, options={"port": port})


def test_the_configured_port_is_served(stage: Stage) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served, _ = stage.deploy(0, options={"port": port})
    assert served.url == f"http://127.0.0.1:{port}"
    assert Path(served.log).name == f"server-{keeper(stage).ask({'do': 'status'})['active']}.log"
    assert Path(served.log).is_file()

    with pytest.raises(ConfigError, match=f"on port {port}, and mlops.yaml asks for {port + 1}") as caught:
        stage.deploy(0, options={"port": port + 1})
    assert "mlops-ci serve stop toy production" in caught.value.hint

    stage.deployer.delete("toy", ENVIRONMENT, sequence=None)
    with pytest.raises(StaleError, match="later commit"):
        stage.deploy(0, sequence=0)
    again, _ = stage.deploy(0)
    assert again.url == served.url, "a port is kept, whoever chose it"


def test_a_server_that_crashed_comes_back_with_the_settings_it_was_smoked_with(stage: Stage) -> None:
    """A later deployment with others, which failed, left no trace."""
    release = stage.releases[0]
    stage.releases = [dataclasses.replace(release, serving={"max_body_mb": "0.001"}), stage.releases[1]]
    served, _ = stage.deploy(0)
    pid = keeper(stage).ask({"do": "status"})["pid"]
    stage.releases = [dataclasses.replace(release, serving={"max_body_mb": "1"}), stage.releases[1]]
    with pytest.raises(GateFailed):
        stage.deploy(0, wanted="0" * 64)
    os.kill(pid, signal.SIGKILL)
    large = http.call("POST", f"{served.url}/v1/models/toy:predict", body=b"[" + b" " * 2000)
    assert large.status == 413


def test_nothing_is_left_to_come_back_where_the_keeper_was_killed_before_the_delete(stage: Stage) -> None:
    stage.deploy(0)
    os.kill(keeper(stage).known()["pid"], signal.SIGKILL)
    until(lambda: not keeper(stage).alive())
    stage.deployer.delete("toy", ENVIRONMENT, sequence=None)
    assert not (keeper(stage).folder / "active.json").exists()
    assert stage.serving() is None


CONFIG = """\
version: 1
models:
  toy:
    environments:
      production: {target: local}
      staging: {target: local}
"""


def test_serve_shows_and_follows_what_its_servers_write(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(CONFIG)
    assert isinstance(stage.deployer, KeeperTarget)
    stage.deployer = dataclasses.replace(stage.deployer, home=tmp_path / ".mlops/serving")

    def serve(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mlops_ci", "serve", *words]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def said(child: subprocess.Popen[str], code: int) -> str:
        out, err = child.communicate(timeout=60)
        assert child.returncode == code, out + err
        return out + err

    assert "nothing is served in staging for toy" in said(serve("logs", "toy", "staging"), 2)
    served, _ = stage.deploy(0)
    log = Path(served.log)
    whole = said(serve("logs", "toy", "production"), 0).splitlines()
    assert "took over the public socket" in whole[-1]
    assert len(whole) > 1
    assert said(serve("logs", "toy", "production", "--lines", "1"), 0).splitlines() == whole[-1:]

    with serve("logs", "toy", "production", "--lines", "1", "--follow") as child:
        assert child.stdout is not None
        assert "took over the public socket" in child.stdout.readline()
        with log.open("a") as file:
            file.write("half of a li")
            file.flush()
            file.write("ne\nand another\n")
        assert [child.stdout.readline() for _ in range(2)] == ["half of a line\n", "and another\n"]
        stage.deploy(1)
        for line in child.stdout:  # of the server that serves now, from its first line
            if "took over the public socket" in line:
                break
        stage.deployer.delete("toy", ENVIRONMENT, sequence=None)
        said(child, 0)
    assert "nothing is served in production for toy" in said(serve("logs", "toy", "production"), 2)


def test_logs_of_servers_long_gone_go(tmp_path: Path) -> None:
    logs = [tmp_path / f"server-{number}.log" for number in range(server_logs.LOGS + 3)]
    for number, log in enumerate(logs):
        log.write_text("")
        os.utime(log, (number, number))
    (tmp_path / "server-1.log.1").write_text("")
    server_logs.prune_logs(tmp_path, {logs[0]})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {log.name for log in [logs[0], *logs[-server_logs.LOGS + 1 :]]}


def test_the_last_lines_are_those_at_the_end_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("before\n" + "x" * 2_000_000 + "\nthe reason\n")
    assert server_logs.tail(log, 7)[-1] == "| the reason"
    log.write_text("before\n")
    assert server_logs.tail(log, 7) == []


@pytest.mark.parametrize(
    ("refuse", "serves", "sequence", "noted"),
    [
        ("", 1, 1, "bad"),
        ("", 1, 2, ""),  # a later commit wants what serves: what was taken back is taken back in git
        ("", 2, 1, ""),
        ("worse", 1, 2, "worse"),
        ("worse", 2, 1, "worse"),
        ("digest 1", 2, 1, ""),
    ],
)
def test_another_model_or_a_later_commit_ends_that_one_is_refused(
    refuse: str, serves: int, sequence: int, noted: str
) -> None:
    first, second = (
        Release(model="toy", version="1", model_digest=f"digest {number}", inputs_digest="", run_id="")
        for number in (1, 2)
    )
    job = DeployJob(
        release=first,
        environment=ENVIRONMENT,
        options={},
        sequence=sequence,
        bring=lambda into: into,
        bring_rows=lambda into: None,
        smoke=lambda url, kept: None,
        refuse=refuse,
    )
    before = {"release": encode(first if serves == 1 else second), "refused": "bad", "sequence": 1}
    assert served_note.refused(job, before) == noted
