"""A cluster that goes away: a door in front of the API server that can be shut."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

CHUNK = 65536


class Door(socketserver.ThreadingTCPServer):
    """Passes bytes on to the API server, TLS and all. Shut, it ends every connection, old and new."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        self.inside = address
        self.shut = threading.Event()
        super().__init__(("127.0.0.1", 0), _Passage)

    def kubeconfig(self, original: Path, folder: Path) -> Path:
        """The same access through the door."""
        known = json.loads(original.read_text("utf-8"))
        known["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.server_address[1]}"
        path = folder / "door.kubeconfig"
        path.write_text(json.dumps(known), encoding="utf-8")
        return path


class _Passage(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self.server.inside) as inside:
            other = {self.request: inside, inside: self.request}
            while not self.server.shut.is_set():
                for one in select.select(list(other), [], [], 0.02)[0]:
                    if not (data := one.recv(CHUNK)):
                        return
                    other[one].sendall(data)


@contextlib.contextmanager
def door(url: str) -> Iterator[Door]:
    """A door in front of `url`."""
    place = urlsplit(url)
    with Door((str(place.hostname), int(place.port or 443))) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.shut.set()
        made.shutdown()
