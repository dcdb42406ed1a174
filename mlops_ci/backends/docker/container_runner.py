"""Runs one container for the keeper, as if it were a server process: `python -m … SPEC --standby-fd N --ready-file F`.

It hands the container its listening sockets (container_door.py), so that no port is published and no network needed;
says in the ready file what the server tells; passes SIGUSR1 and SIGTERM on; and ends with the container, as the
container ends with it. From the hand-over on nothing depends on the daemon: it may be restarted while requests are
answered, if its containers live on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.backends.docker import container_door
from mlops_ci.backends.docker.container_spec import ContainerSpec, spec_of
from mlops_ci.backends.docker.daemon import daemon, image_id
from mlops_ci.errors import MlopsError
from mlops_ci.io import clock, files, process
from mlops_ci.records.server import WINDOWS

INSIDE = "/run/mlops-ci"
SETTINGS = "/srv/settings.json"
KILL_SECONDS = 5.0  # beyond its drain time: the keeper kills us soon after
GONE_SECONDS = 30.0
MOST_PROCESSES = 4096
GOING = (404, 409)  # it is not there, or is being removed
KILLED = 137
TAKE_OVER = b"t"


@dataclass(kw_only=True)
class Runner:
    """One container's life. `public` is the listening socket that it takes over when the keeper says so."""

    client: Any
    spec: ContainerSpec
    public: int
    ready: Path
    connection: socket.socket | None = None
    leaving: bool = False
    until: float = float("inf")
    told: bytes = b""
    ended: threading.Event = field(default_factory=threading.Event)
    code: int = 1

    def run(self) -> int:
        """Run the container to its end, and return its exit code. Raises BackendError where it can't be started."""
        wake, woken = socket.socketpair()
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        image = image_id(self.client, self.spec.image, _log)
        with container_door.place(Path(self.spec.home), self.spec.name) as place:
            container = self._create(image, place)
            try:
                with container_door.listen(place) as door:
                    self._start(container, woken)
                    self._attend(door, wake)
            finally:
                if remove(container):
                    self.ended.wait(GONE_SECONDS)
                    container_door.forget(place)
        return self.code

    def _create(self, image: str, place: Path) -> Any:
        from docker.types import LogConfig, Mount

        spec = self.spec
        mounts = [Mount(INSIDE, str(place), type="bind"), Mount(SETTINGS, spec.settings, type="bind", read_only=True)]
        if spec.windows:
            mounts.append(Mount(WINDOWS, spec.windows, type="bind"))
        memory = f"{spec.memory_mb}m" if spec.memory_mb else None
        return self.client.containers.create(
            image,
            ["--sockets", f"{INSIDE}/{container_door.SOCKET}"],
            name=place.name,
            labels={"mlops-ci.model": spec.model, "mlops-ci.environment": spec.environment},
            mounts=mounts,
            network_mode=spec.network,
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=int(spec.cpus * 1e9) or None,
            pids_limit=MOST_PROCESSES,
            read_only=True,
            tmpfs={"/tmp": "mode=1777"},  # noqa: S108 - the container's own
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            auto_remove=True,
            log_config=LogConfig(type="none"),  # its output goes into our log
            healthcheck={"test": ["NONE"]},  # the image's asks a port that is not served here
        )

    def _start(self, container: Any, woken: socket.socket) -> None:
        """What it writes before it has taken our log as its own comes through the daemon."""
        output = container.attach(stream=True)
        threading.Thread(target=_copy, args=[output], daemon=True).start()
        threading.Thread(target=self._watch, args=[container, woken], daemon=True).start()
        container.start()

    def _watch(self, container: Any, woken: socket.socket) -> None:
        """Its exit code; where the daemon can't tell, the one of a failure."""
        with contextlib.suppress(Exception):
            self.code = int(self.client.api.wait(container.id, timeout=None, condition="removed")["StatusCode"])
        self.ended.set()
        with contextlib.suppress(OSError):
            woken.send(b"\0")

    def _attend(self, door: socket.socket, wake: socket.socket) -> None:
        """Until the server has closed the connection, has ended before there was one, or takes too long to end."""
        selector = selectors.DefaultSelector()
        selector.register(wake, selectors.EVENT_READ)
        selector.register(door, selectors.EVENT_READ)
        while True:
            left = self.until - clock.stopwatch()
            for key, _ in selector.select(min(max(left, 0.0), 3600.0)):
                if key.fileobj is wake:
                    self._obey(wake.recv(100))
                elif key.fileobj is door:
                    self.connection = self._hand_over(door)
                    selector.unregister(door)
                    selector.register(self.connection, selectors.EVENT_READ)
                elif not self._hear():
                    self.ended.wait(KILL_SECONDS)  # its exit code is its own, where it needs no killing
                    return
            if left <= 0 or (self.connection is None and (self.leaving or self.ended.is_set())):
                return

    def _obey(self, signals: bytes) -> None:
        leave = {signal.SIGTERM, signal.SIGINT} & set(signals) and not self.leaving
        if leave:
            self.leaving = True
            self.until = clock.stopwatch() + self.spec.drain_seconds + KILL_SECONDS
        with contextlib.suppress(OSError):  # a server that is gone is heard of next
            if self.connection is not None and signal.SIGUSR1 in signals:
                self.connection.sendall(TAKE_OVER)
            if self.connection is not None and leave:
                self.connection.shutdown(socket.SHUT_WR)

    def _hear(self) -> bool:
        """What the server tells, for the keeper; False when it is gone."""
        assert self.connection is not None
        try:
            heard = self.connection.recv(4096)
        except OSError:
            return False
        *lines, self.told = (self.told + heard).split(b"\n")
        for line in lines:
            files.write_json(self.ready, {**_object(line), "pid": os.getpid()})
        return bool(heard)

    def _hand_over(self, door: socket.socket) -> socket.socket:
        """The server's own listening socket, on loopback of this machine; the public one; and our log. The sockets are
        the server's from now on: where we held them too, they would outlive it."""
        with socket.create_server(("127.0.0.1", 0)) as own:
            connection = container_door.hand_over(door, [own.fileno(), self.public, sys.stdout.fileno()])
        os.close(self.public)
        return connection


def remove(container: Any) -> bool:
    """Whatever state it is in; it may be about to go by itself. Returns whether it goes: without a daemon nobody knows,
    and the next run looks again."""
    import docker
    import requests

    try:
        container.remove(force=True)
    except docker.errors.APIError as error:
        return error.status_code in GOING
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return False
    return True


def sweep(client: Any, home: Path, *, drain_seconds: float) -> None:
    """Remove what runners that were killed left. Their servers have lost their other end, and finish what they have
    begun; one that does not is killed."""
    import docker

    for place in container_door.left_behind(home):
        try:
            container = client.containers.get(place.name)
            with contextlib.suppress(docker.errors.APIError):
                container.stop(timeout=int(drain_seconds + KILL_SECONDS))
            gone = remove(container)
        except docker.errors.NotFound:
            gone = True
        if gone:
            container_door.forget(place)


def _sweep(client: Any, spec: ContainerSpec) -> None:
    """While the new one starts: requests that those left behind still answer are not cut off."""
    with contextlib.suppress(Exception):  # the next run looks again
        sweep(client, Path(spec.home), drain_seconds=spec.drain_seconds)


def _copy(output: Any) -> None:
    with contextlib.suppress(Exception):  # the daemon's end of it may break; the server does not need it any more
        for part in output:
            sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()


def _object(line: bytes) -> Mapping[str, Any]:
    found = json.loads(line)
    return found if isinstance(found, dict) else {}


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m mlops_ci.backends.docker.container_runner", allow_abbrev=False)
    parser.add_argument("spec", type=spec_of, help="a ContainerSpec as JSON")
    parser.add_argument("--standby-fd", type=int, required=True, help="inherited listening socket")
    parser.add_argument("--ready-file", type=Path, required=True, help="gets what the server tells")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """The container's exit code, or that of the error that kept it from running."""
    options = arguments(words)
    try:
        with daemon(process.inherited()) as client:
            threading.Thread(target=_sweep, args=[client, options.spec], daemon=True).start()
            runner = Runner(client=client, spec=options.spec, public=options.standby_fd, ready=options.ready_file)
            code = runner.run()
    except MlopsError as error:
        _log(f"error: {error}" + (f"\n  {error.hint}" if error.hint else ""))
        return error.exit_code
    if code == KILLED:
        limit = f"; its limit is {options.spec.memory_mb} MB of memory" if options.spec.memory_mb else ""
        _log(f"the container was killed{limit}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
