"""A real Prometheus on loopback that looks at model servers five times a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlencode

import pytest

from mlops_ci.errors import BackendError
from mlops_ci.io import http
from tests.cluster.processes import end_with_parent, free_ports

SECONDS = 60.0
EVERY = "200ms"


class Prometheus:
    """One server; `targets` are what it looks at, changed by `look_at`."""

    def __init__(self, url: str, targets: Path) -> None:
        self.url = url
        self.targets = targets

    def look_at(self, *groups: tuple[Sequence[int], dict[str, str]]) -> None:
        """Ports on loopback, each group with labels of its own."""
        found = [
            {"targets": [f"127.0.0.1:{port}" for port in ports], "labels": {"job": "models", **labels}}
            for ports, labels in groups
        ]
        beside = self.targets.with_suffix(".new")
        beside.write_text(json.dumps(found), encoding="utf-8")
        os.replace(beside, self.targets)

    def ask(self, query: str) -> float:
        """The sum of what a query finds now."""
        answer = http.call("GET", f"{self.url}/api/v1/query?{urlencode({'query': query})}")
        return sum(float(one["value"][1]) for one in json.loads(answer.body)["data"]["result"])

    def until(self, query: str, value: float) -> datetime:
        """Wait until a query finds this; returns when that was."""
        ended = time.monotonic() + SECONDS
        while (found := self.ask(query)) != value:
            assert time.monotonic() < ended, f"{query} is {found}, not {value}"
            os.sched_yield()
        return datetime.now(timezone.utc)


@contextmanager
def prometheus(home: Path) -> Iterator[Prometheus]:
    """Start one; skips where it is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian package 'prometheus')")
    (port,) = free_ports(1)
    targets = home / "targets.json"
    targets.write_text("[]", encoding="utf-8")
    scraped = {"job_name": "models", "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}]}
    settings = {"global": {"scrape_interval": EVERY, "scrape_timeout": EVERY}, "scrape_configs": [scraped]}
    (home / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
    words = [
        program,
        f"--config.file={home}/prometheus.yml",
        f"--storage.tsdb.path={home}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(words, ready=f"http://127.0.0.1:{port}/-/ready", log=home / "prometheus.log"):
        yield Prometheus(f"http://127.0.0.1:{port}", targets)


@contextmanager
def running(
    words: Sequence[str],
    *,
    ready: str,
    log: Path,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """A server, once it answers at `ready`; it writes to `log`."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdout=file,
            stderr=file,
            preexec_fn=end_with_parent,
        )
    try:
        _ready(ready, process, log)
        yield
    finally:
        process.kill()
        process.wait()


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            if http.call("GET", url).status == 200:
                return
        except BackendError:
            os.sched_yield()
    raise AssertionError(log.read_text("utf-8"))
