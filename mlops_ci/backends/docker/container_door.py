"""The host's end of the Unix socket over which a container gets its listening sockets; serving/starter.py is the other.

It lies in a folder of its own, mounted into the container. The folder is open to whatever user the container runs as;
it is the folder around it that keeps everybody else out. The lock beside it is held as long as we live: a folder whose
lock is free was left by a runner that was killed, perhaps with its container, which has the folder's name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

SOCKET = "sockets"
OPEN = 0o777


@contextlib.contextmanager
def place(home: Path, name: str) -> Iterator[Path]:
    """A new folder in `home`, locked; its name begins with `name` and is nobody else's. It is there until forgotten."""
    home.mkdir(parents=True, exist_ok=True)
    found = home / f"{name}-{secrets.token_hex(4)}"
    beside = home / f".{found.name}.new"
    with open(beside, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside.rename(_lock(found))  # it is seen only when it is held
        found.mkdir()
        found.chmod(OPEN)
        yield found


def left_behind(home: Path) -> list[Path]:
    """The folders of runners that are no more. Their containers may be."""
    return [lock.with_suffix("") for lock in home.glob("*.lock") if _free(lock)]


def forget(found: Path) -> None:
    """Remove a folder and its lock."""
    shutil.rmtree(found, ignore_errors=True)
    _lock(found).unlink(missing_ok=True)


def listen(found: Path) -> socket.socket:
    """The door. A socket's path has some hundred bytes at most, and the folder's may be longer."""
    folder = os.open(found, os.O_RDONLY | os.O_DIRECTORY)
    try:
        door = socket.socket(socket.AF_UNIX)
        door.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    finally:
        os.close(folder)
    (found / SOCKET).chmod(OPEN)
    door.listen(1)
    return door


def hand_over(door: socket.socket, descriptors: Sequence[int]) -> socket.socket:
    """Give the one who knocks the descriptors; returns the connection, whose end is the server's."""
    connection, _ = door.accept()
    socket.send_fds(connection, [b"\n"], descriptors)
    return connection


def _lock(found: Path) -> Path:
    return found.with_name(f"{found.name}.lock")


def _free(lock: Path) -> bool:
    with contextlib.suppress(OSError), open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False
