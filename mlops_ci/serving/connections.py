"""The listening sockets and their connections: one private port, the shared public socket, and a stop without loss."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import uvicorn
from uvicorn.server import ServerState

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 65  # over a proxy's usual minute, so that the proxy is the one that closes
STEP = 0.02  # seconds between two looks at what is still open


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError where the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class Connections:
    """uvicorn's HTTP protocol on sockets of ours; uvicorn's own server would close idle connections at once."""

    def __init__(self, app: Any) -> None:
        self.config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            proxy_headers=False,
        )
        self.config.load()
        self.state = ServerState()
        self.private: list[tuple[asyncio.AbstractServer, socket.socket]] = []
        self.shared: list[asyncio.AbstractServer] = []

    def _protocol(self) -> Any:
        return self.config.http_protocol_class(config=self.config, server_state=self.state, app_state={})  # type: ignore[call-arg]

    async def listen(self, listener: socket.socket) -> None:
        """Serve a socket that is this process's alone."""
        server = await asyncio.get_running_loop().create_server(self._protocol, sock=listener, backlog=BACKLOG)
        self.private.append((server, listener))

    async def share(self, descriptor: int) -> None:
        """Serve an inherited listening socket beside its other holders; who waits in it is answered by any of them."""
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        self.shared.append(await asyncio.get_running_loop().create_server(self._protocol, sock=listener))

    async def stop_listening(self) -> None:
        """Accept nobody from now on.

        Connections that wait in a private socket would be reset with it: they are taken first. Those in a shared
        socket stay there for its next holder.
        """
        for server in self.shared:
            server.close()
        for server, listener in self.private:
            for connection in _waiting(listener):
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
            server.close()

    async def drain(self, *, idle_seconds: float, seconds: float) -> int:
        """Wait until every connection has ended, and return how many requests were cut off after `seconds`.

        An idle connection may carry a request that is on its way: it is read from for `idle_seconds` more.
        """
        started = time.monotonic()
        while self.state.connections:
            passed = time.monotonic() - started
            if passed >= seconds:
                break
            if passed >= idle_seconds:
                for connection in list(self.state.connections):
                    connection.shutdown()  # closes what is idle; what is answered closes after its answer
            await asyncio.sleep(STEP)
        cut = list(self.state.tasks)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        return len(cut)


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """Everybody in a listening socket's queue."""
    found: list[socket.socket] = []
    with contextlib.suppress(BlockingIOError, OSError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            found.append(connection)
    return found
