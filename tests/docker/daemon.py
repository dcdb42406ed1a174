"""A Docker daemon and a registry of the tests' own: on loopback, with own folders, ended with the tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError
from mlops_ci.io import http

STEP, STEPS = 0.05, 1200
REGISTRY = """\
version: 0.1
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: warn}}
"""


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A running dockerd. `host` is what DOCKER_HOST wants."""

    host: str
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """An environment in which the docker command line, and ours, find this daemon and nobody's credentials."""
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.folder / "config")}

    def docker(self, *words: str) -> str:
        """The docker command line; its output without the last newline."""
        done = subprocess.run(["docker", *words], env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"docker {' '.join(words)}: {done.stderr}")
        return done.stdout.rstrip("\n")


def need(*programs: str) -> None:
    """Skip, naming what is missing, where Docker can't be run here."""
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)} (Debian: apt-get install docker.io docker-registry debootstrap)")


@contextlib.contextmanager
def daemon() -> Iterator[Daemon]:
    """A dockerd without any network of its own: containers run with `--network host` or `none`."""
    need("dockerd", "docker")
    # Short: a socket's path has 108 bytes at most. Hexadecimal: containerd refuses a name that ends with '_'.
    folder = Path(tempfile.gettempdir()) / f"mlops-ci-dockerd-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    name = folder.name
    words = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    words += ["--host", f"unix://{folder}/docker.sock", "--bridge=none", "--iptables=false", "--ip-forward=false"]
    words += ["--containerd-namespace", name, "--containerd-plugins-namespace", f"{name}-plugins"]
    found = Daemon(host=f"unix://{folder}/docker.sock", folder=folder)
    try:
        with _running(words, folder / "dockerd.log") as process:
            _wait(process, folder / "dockerd.log", lambda: _answers(found))
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def registry(port: int, folder: Path, people: str = "") -> Iterator[str]:
    """A registry that keeps its files in `folder`; yields `127.0.0.1:PORT`, the first part of an image's name.

    With `people`, lines of `name:bcrypt`, it lets nobody else in.
    """
    need("docker-registry")
    config = folder / "registry.yml"
    text = REGISTRY.format(folder=folder / "registry", port=port)
    if people:
        (folder / "people").write_text(people)
        text += f"auth: {{htpasswd: {{realm: tests, path: {folder / 'people'}}}}}\n"
    config.write_text(text, "utf-8")
    log = folder / "registry.log"
    with _running(["docker-registry", "serve", str(config)], log) as process:
        _wait(process, log, lambda: _serves(port))
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def _running(words: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with open(log, "wb") as out, subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Until it is ready, as long as it lives, at most a minute."""
    for _ in range(STEPS):
        if ready():
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STEP)
            break
    raise AssertionError(f"{process.args!r} did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _answers(found: Daemon) -> bool:
    return subprocess.run(["docker", "info"], env=found.environ, capture_output=True, check=False).returncode == 0


def _serves(port: int) -> bool:
    try:
        return http.call("GET", f"http://127.0.0.1:{port}/v2/").status in (200, 401)
    except BackendError:
        return False
