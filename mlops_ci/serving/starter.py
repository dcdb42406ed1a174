"""What whoever started the server gives it, and is told by it.

A server in a container inherits no socket. It connects to a Unix socket instead and gets one message with three
descriptors: the listening socket of its own, the public one, and the file its output goes to. The connection stays.
The server tells on it, a JSON object a line, what it would write into its ready file; a byte asks it to take over, as
SIGUSR1 does; and when the other end closes, however that end went, it stops as at SIGTERM: it never outlives whoever
started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import BackendError

HANDED = 3


@dataclass(frozen=True, kw_only=True)
class Starter:
    """`listener` is the server's own, `standby` a listening socket that is taken over when asked to; `tell` is called
    when the server answers, and again when it has taken over."""

    listener: socket.socket
    standby: int | None
    tell: Callable[[Mapping[str, Any]], None]


def ready_file(path: Path | None, document: Mapping[str, Any]) -> None:
    """Write the ready file, whole or not at all, where one is wanted."""
    if path is None:
        return
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(document) + "\n", encoding="utf-8")
    os.replace(beside, path)


def handed_over(path: Path) -> Starter:
    """Take what is handed over at a Unix socket; output goes there from now on. Raises BackendError."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
        _, descriptors, _, _ = socket.recv_fds(connection, 1, HANDED)
    except OSError as error:
        raise BackendError(f"no sockets were handed over at {path}: {error.strerror}") from error
    if len(descriptors) != HANDED:
        raise BackendError(f"{len(descriptors)} descriptors were handed over at {path}, not {HANDED}")
    listener, standby, output = descriptors
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    threading.Thread(target=_obey, args=[connection], daemon=True).start()

    def tell(document: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever is gone needs no word: the server is about to stop
            connection.sendall(json.dumps(document).encode() + b"\n")

    own = socket.socket(fileno=listener)
    own.setblocking(False)
    return Starter(listener=own, standby=standby, tell=tell)


def _obey(connection: socket.socket) -> None:
    """Pass what the other end says on to the server, as the signals it knows."""
    with contextlib.suppress(OSError):
        while connection.recv(1):
            os.kill(os.getpid(), signal.SIGUSR1)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        os._exit(1)  # it is still loading, and the first process of a container is deaf to what it does not handle
    os.kill(os.getpid(), signal.SIGTERM)
