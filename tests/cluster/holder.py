"""Holds one cluster for all workers of a test run, as long as one of them lives.

`python -m tests.cluster.holder FOLDER BUILT`

Whoever uses the cluster holds a shared lock on FOLDER/users. This process waits for that lock alone: it gets it when
the last user is gone, however it went, and ends the cluster.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import traceback
from pathlib import Path

from tests.cluster import kserve_controller
from tests.cluster.control_plane import ControlPlane

USERS = "users"  # locked by each of them
FIRST = "first"  # made by the user who starts us
READY = "ready.json"  # the administrator's kubeconfig
FAILED = "failed"  # why there is none


def main(folder: Path, built: Path) -> int:
    """Return at once; a process of its own session holds the cluster."""
    if not os.fork():
        os.setsid()
        try:
            hold(folder, built)
        except Exception:
            (folder / FAILED).write_text(traceback.format_exc(), encoding="utf-8")
            raise
    return 0


def hold(folder: Path, built: Path) -> None:
    """Start, hold, end. Who comes after the end, but in the same test run, starts another."""
    home = folder / f"run-{os.getpid()}"
    home.mkdir()
    plane = ControlPlane(home, built)
    with open(folder / USERS) as users:
        try:
            plane.start()
            kserve_controller.start(plane)
            beside = home / READY
            beside.write_bytes(plane.kubeconfig.read_bytes())
            os.replace(beside, folder / READY)
            fcntl.flock(users, fcntl.LOCK_EX)
            (folder / READY).unlink()
            (folder / FIRST).rmdir()
        finally:
            plane.processes.stop()
            shutil.rmtree(home / "etcd")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
