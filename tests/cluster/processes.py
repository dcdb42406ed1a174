"""Server processes that end with us, however we end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
SECONDS = 90.0  # for what takes two on an idle machine
STEP = 0.03
TAIL = 2000


class Processes:
    """What was started, and their logs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, words: Sequence[object], variables: Mapping[str, str] | None = None) -> None:
        """Start one. Linux ends it with us."""
        with open(self.folder / f"{name}.log", "wb") as log:
            self._started[name] = subprocess.Popen(
                [str(word) for word in words],
                cwd=self.folder,
                env={**os.environ, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )

    def wait(self, name: str, ready: Callable[[], object]) -> None:
        """Wait until `ready()` is true and raises no OSError. Fails with the log's end where the process ends first."""
        ended = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError):
                if ready():
                    return
            try:
                code = self._started[name].wait(STEP)
            except subprocess.TimeoutExpired:
                if time.monotonic() < ended:
                    continue
                code = None
            log = (self.folder / f"{name}.log").read_text("utf-8", "replace")[-TAIL:]
            raise RuntimeError(f"{name} {'is not ready' if code is None else f'ended with {code}'}:\n{log}")

    def stop(self) -> None:
        """End them, the last first. Nothing of theirs is kept: no need to let them tidy up."""
        for process in reversed(self._started.values()):
            process.kill()
        for process in self._started.values():
            process.wait()


def end_with_parent() -> None:
    """Run in the child: be killed when the parent goes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [found.getsockname()[1] for found in sockets]
