"""Releases served by this machine's Docker daemon, from real images, through every kind of end."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.docker.target import docker_target
from mlops_ci.backends.keeper.client import KeeperClient
from mlops_ci.backends.keeper.target import KeeperTarget
from mlops_ci.errors import BackendError, ConfigError, GateFailed
from mlops_ci.io import http
from mlops_ci.records.codec import decode, encode
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, DeployerContract, Stage
from tests.backends.toys import make_sources, releases_of, until
from tests.docker.daemon import Daemon
from tests.docker.images import server_image, with_image

pytestmark = [pytest.mark.slow]
NO_NETWORK = {"network": "none"}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_sources(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def releases(
    daemon: Daemon, base_image: str, registry: str, sources: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Release]:
    """The toy releases, each with an image in the registry and in the daemon."""
    server = server_image(daemon, base_image, tmp_path_factory.mktemp("server"))
    return [
        with_image(daemon, server, registry, release, source)
        for release, source in zip(releases_of(sources), sources, strict=True)
    ]


@pytest.fixture
def stage(
    daemon: Daemon, releases: list[Release], sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, daemon.environ[name])
    target = docker_target(tmp_path / "serving", daemon.environ)
    made = Stage(
        deployer=target, releases=list(releases), sources=sources, python=Path(sys.executable), options=NO_NETWORK
    )
    yield made
    target.delete("toy", ENVIRONMENT, sequence=None)
    assert daemon.docker("ps", "--all", "--quiet") == "", "no container is left"


def folder_of(stage: Stage) -> Path:
    assert isinstance(stage.deployer, KeeperTarget)
    return (stage.deployer.home / "toy" / ENVIRONMENT).resolve()


def keeper(stage: Stage) -> KeeperClient:
    return KeeperClient(folder=folder_of(stage))


class TestDockerTarget(DeployerContract):
    """The contract, in containers."""


def containers(daemon: Daemon) -> list[str]:
    return daemon.docker("ps", "--all", "--quiet", "--no-trunc").split()


def inspect(daemon: Daemon, container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.docker("inspect", container))[0]
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


def answers(stage: Stage) -> bool:
    return bool(keeper(stage).ask({"do": "status"})["answering"])


def test_it_can_do_nothing_but_serve(daemon: Daemon, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "hunter2")
    served, _ = stage.deploy(0, options={"memory_mb": 700, "cpus": 1.5})
    (container,) = containers(daemon)
    found = inspect(daemon, container)
    host = found["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (700 * 2**20, 700 * 2**20, 1_500_000_000)
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert (host["NetworkMode"], host["PortBindings"], host["AutoRemove"]) == ("none", None, True)
    assert "hunter2" not in json.dumps(found)
    status = Path(f"/proc/{found['State']['Pid']}/status").read_text()
    assert "Uid:\t65532\t65532\t65532\t65532" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    with pytest.raises(AssertionError, match="Read-only file system"):
        write = "open('/srv/model/MLmodel', 'a')"
        daemon.docker("exec", "--user", "0", container, "/opt/venv/bin/python", "-c", write)
    assert stage.answer(served.url) == 1.0
    assert served.url.startswith("http://127.0.0.1:")
    other, changed = stage.deploy(0, options={"memory_mb": 800})
    assert (changed, other.url) == (True, served.url), "another limit is another server"


def test_too_little_memory_is_told(stage: Stage) -> None:
    served, _ = stage.deploy(0)
    with pytest.raises(GateFailed, match="ended with exit code 137") as caught:
        stage.deploy(1, options={"memory_mb": 48})
    assert "| the container was killed; its limit is 48 MB of memory" in caught.value.hint
    assert stage.answer(served.url) == 1.0


def test_the_release_says_how_it_is_served(stage: Stage) -> None:
    """And not what was put into its image; the request log comes out of the container."""
    import pandas

    settings = {"log": "{}", "max_body_mb": "0.001"}
    stage.releases = [dataclasses.replace(stage.releases[0], serving=settings), stage.releases[1]]
    served, _ = stage.deploy(0)
    assert stage.answer(served.url) == 1.0
    assert http.call("POST", f"{served.url}/v1/models/toy:predict", body=b"[" + b" " * 2000).status == 413
    stage.deployer.delete("toy", ENVIRONMENT, sequence=None)
    folder = folder_of(stage)
    (window,) = (folder / "windows").glob("*.parquet")
    assert list(pandas.read_parquet(window)["x"]) == [1.0], "ours, and not the smoke's rows"
    assert folder.stat().st_mode & 0o777 == 0o700, "what the container's user may write to is nobody else's"


def test_a_server_that_crashes_is_started_again_and_nobody_is_refused(daemon: Daemon, stage: Stage) -> None:
    served, _ = stage.deploy(0)
    (before,) = containers(daemon)
    kill(inspect(daemon, before)["State"]["Pid"])
    assert stage.answer(served.url) == 1.0, "the address stays, and the request waits"
    until(lambda: answers(stage))
    (after,) = containers(daemon)
    assert after != before
    now = stage.serving()
    assert now is not None
    assert now.restarts == 1


def test_a_runner_that_was_killed_takes_its_container_along_and_another_comes(daemon: Daemon, stage: Stage) -> None:
    served, _ = stage.deploy(0)
    (before,) = containers(daemon)
    kill(keeper(stage).ask({"do": "status"})["pid"])
    assert stage.answer(served.url) == 1.0
    until(lambda: before not in containers(daemon))
    until(lambda: answers(stage))
    assert len(containers(daemon)) == 1
    assert len(list((folder_of(stage) / "containers").iterdir())) == 2, "a folder and its lock: one runner's"


@pytest.mark.parametrize("both", [False, True])
def test_a_keeper_that_was_killed_takes_its_container_along(daemon: Daemon, stage: Stage, both: bool) -> None:
    served, _ = stage.deploy(0)
    runner, pid = keeper(stage).ask({"do": "status"})["pid"], keeper(stage).known()["pid"]
    kill(pid)
    if both:
        kill(runner)
    until(lambda: not containers(daemon))
    now = stage.serving()
    assert now is not None
    assert not now.answering
    again, changed = stage.deploy(0)
    assert (changed, again.url) == (True, served.url)
    assert stage.answer(again.url) == 1.0


def test_a_server_that_hangs_is_killed_though_its_runner_was(daemon: Daemon, stage: Stage) -> None:
    stage.releases = [dataclasses.replace(stage.releases[0], serving={"drain_seconds": "0.5"}), stage.releases[1]]
    stage.deploy(0)
    (hung,) = containers(daemon)
    kill(inspect(daemon, hung)["State"]["Pid"], signal.SIGSTOP)
    kill(keeper(stage).ask({"do": "status"})["pid"])
    until(lambda: hung not in containers(daemon))
    until(lambda: answers(stage))


def test_a_container_that_never_started_goes_with_the_next_deployment(daemon: Daemon, stage: Stage) -> None:
    """Its runner was killed between making it and starting it."""
    home = folder_of(stage) / "containers"
    home.mkdir(parents=True)
    (home / "mlops-ci-toy-production-left").mkdir()
    (home / "mlops-ci-toy-production-left.lock").touch()
    name, image = "mlops-ci-toy-production-left", stage.releases[0].image_reference
    left = daemon.docker("create", "--name", name, "--network", "none", image)
    stage.deploy(0)
    assert left not in containers(daemon)
    assert not (home / "mlops-ci-toy-production-left.lock").exists()


KILLED = """\
import os, signal, sys
from pathlib import Path
from mlops_ci.backends.docker import target as docker_target
from mlops_ci.backends.keeper import target as keeper_target
from tests.docker.test_docker_target import stage_of

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

home, step, *words = sys.argv[1:]
owner, _, name = step.rpartition(".")
OWNERS = {"": keeper_target.KeeperTarget, "Containers": docker_target.Containers, "Starting": keeper_target.Starting}
setattr(OWNERS[owner], name, die)
stage_of(Path(home), words).deploy(1)
"""


def stage_of(home: Path, words: Sequence[str]) -> Stage:
    """The stage that a command in another process needs: its releases as JSON, and their sources."""
    releases, *sources = words
    return Stage(
        deployer=docker_target(home, os.environ),
        releases=[decode(Release, item) for item in json.loads(releases)],
        sources=[Path(source) for source in sources],
        python=Path(sys.executable),
        options=NO_NETWORK,
    )


@pytest.mark.parametrize("step", ["Containers.prepare", "_smoke", "Starting.switch", "_note", "_prune"])
def test_killed_at_any_step_the_next_run_ends_the_same(daemon: Daemon, stage: Stage, step: str) -> None:
    served, _ = stage.deploy(0)
    assert isinstance(stage.deployer, KeeperTarget)
    releases = json.dumps([encode(release) for release in stage.releases])
    words = [sys.executable, "-c", KILLED, stage.deployer.home, step, releases, *stage.sources]
    ended = subprocess.run([str(word) for word in words], cwd=Path(__file__).parents[2], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert stage.answer(served.url) in (1.0, 2.0), "somebody always serves"
    until(lambda: len(containers(daemon)) == 1)
    stage.deploy(1)
    assert stage.answer(served.url) == 2.0
    until(lambda: len(containers(daemon)) == 1)


def test_an_image_that_is_not_here_is_pulled_by_its_digest(daemon: Daemon, stage: Stage) -> None:
    reference = stage.releases[0].image_reference
    daemon.docker("rmi", reference, f"{stage.releases[0].image}:{stage.releases[0].version}")
    served, _ = stage.deploy(0)
    assert stage.answer(served.url) == 1.0
    assert daemon.docker("inspect", "--format", "{{index .RepoDigests 0}}", reference) == reference


def test_another_digest_is_refused_and_what_serves_serves_on(stage: Stage) -> None:
    """A tag of that name would be there."""
    served, _ = stage.deploy(0)
    wrong = dataclasses.replace(stage.releases[1], image_digest=f"sha256:{'0' * 64}")
    stage.releases = [stage.releases[0], wrong]
    with pytest.raises(BackendError, match=r"is not here, and can't be pulled: .*(not found|unknown)"):
        stage.deploy(1)
    assert stage.answer(served.url) == 1.0
    stage.releases = [stage.releases[0], dataclasses.replace(wrong, image="", image_digest="")]
    with pytest.raises(ConfigError, match="version 2 of toy has no image, and production runs images"):
        stage.deploy(1)


def test_what_has_served_is_told_while_its_image_can_be_had(
    daemon: Daemon, stage: Stage, releases: list[Release]
) -> None:
    stage.deploy(0)
    target = stage.deployer
    assert isinstance(target, KeeperTarget)
    servers = docker_target(target.home, daemon.environ).servers
    lost = dataclasses.replace(releases[0], image_digest=f"sha256:{'0' * 64}")
    none = dataclasses.replace(releases[0], image="", image_digest="")
    assert servers.available((releases[0], lost, none)) == (releases[0],)
    daemon.docker("rmi", releases[1].image_reference, f"{releases[1].image}:{releases[1].version}")
    assert servers.available((releases[1],)) == (releases[1],), "its registry has it"


# docker-py leaves the socket of a failed connection to the collector, which warns of it while this test ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_a_daemon_it_says_so_and_what_serves_serves_on(stage: Stage, tmp_path: Path) -> None:
    served, _ = stage.deploy(0)
    target = stage.deployer
    assert isinstance(target, KeeperTarget)
    stage.deployer = docker_target(target.home, {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    with pytest.raises(BackendError, match="Docker does not answer: No such file") as caught:
        stage.deploy(1)
    assert "what serves now serves on" in caught.value.hint
    now = stage.serving()
    assert now is not None
    assert now.answering
    assert stage.answer(served.url) == 1.0
    assert stage.deployer.recorded("toy", ENVIRONMENT) == (stage.releases[0],), "nobody says that it is not there"
    stage.deployer = target
    del caught
    gc.collect()


def test_a_daemon_elsewhere_is_refused(stage: Stage) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"ApiVersion": "1.41"}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    assert isinstance(stage.deployer, KeeperTarget)
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(server.handle_request)
        elsewhere = docker_target(stage.deployer.home, {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}"})
        with pytest.raises(ConfigError, match="is not this machine's"):
            dataclasses.replace(stage, deployer=elsewhere).deploy(0)


CONFIG = """\
version: 1
models:
  toy:
    build: {image: registry.invalid/toy}
    environments:
      production: {target: docker, network: none}
"""


def test_serve_looks_after_it(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(CONFIG)
    assert isinstance(stage.deployer, KeeperTarget)
    stage.deployer = dataclasses.replace(stage.deployer, home=tmp_path / ".mlops/serving")
    served, _ = stage.deploy(0)

    def serve(*words: str) -> str:
        command = [sys.executable, "-m", "mlops_ci", "serve", *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    (listed,) = json.loads(serve("ps", "--json"))
    assert (listed["environment"], listed["url"], listed["answering"]) == ("production", served.url, True)
    assert "took over the public socket" in serve("logs")
    (tmp_path / "mlops.yaml").write_text(CONFIG.replace("production", "another"))
    assert served.url in serve("ps"), "it is served though the config does not name it any more"
    serve("stop", "toy", "production")
    assert stage.serving() is None
