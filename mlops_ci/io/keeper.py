"""Keeps one server running, and changes it for another without losing a request: `python keeper.py FOLDER HOST PORT`.

A script of its own, of the standard library alone: it outlives the command that started it. It owns the public socket,
so connections wait while a crashed server comes back. A new server starts beside the old one on a port of its own, is
tried out there by whoever asked for it, and takes the public socket over only when told so; if whoever asked goes
away first, however they went, the new server goes and the old one stays.

In FOLDER: `keeper.json` (pid, control socket, port; there while it runs), `active.json` (what to run, kept for the
next keeper), `keeper.lock`, `server-ID.log`. The control socket takes a JSON object a line and answers alike:
`{"do": "start", "server": {"id", "argv", "env", "drain_seconds"}}` → `{"ready": PORT}` or `{"failed": REASON}`, `env`
on top of its own; `{"do": "switch"}` → `{"switched": ID}` or `{"failed": REASON}`; `{"do": "status"}` → `{"active": ID,
"pid": PID, "answering": BOOL, "restarts": N}`; `{"do": "stop"}` → `{"stopped": true}`. A connection that says anything
else is closed, and nothing more: whatever one says or a disk refuses, what serves serves on.
"""

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

TICK = 0.05
QUICK = 0.005  # while somebody waits for a server
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds before a crashed server is started again; doubled each time
SETTLED = 60.0  # seconds after which a server that runs has not crashed "again"
DRAIN_SECONDS = 30.0  # the model server's own default
OVERDUE = 15.0  # seconds after its drain time when a server that leaves is killed
LOCK_SECONDS = 1.0  # whoever looks whether a keeper lives holds the lock for a moment
LARGEST_LOG = 64 * 1024 * 1024
NOT_STARTED = (OSError, subprocess.SubprocessError)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main(folder: Path, host: str, port: int) -> int:
    """Keep until told to stop. Exit 3 where another keeper is at work here, or the port is taken."""
    with open(folder / "keeper.lock", "a") as lock:
        if not locked(lock.fileno()):
            return 3
        try:
            public = socket.create_server((host, port), backlog=1024)
        except OSError as error:
            write(folder / "keeper.json", {"failed": f"could not listen on {host}:{port}: {error.strerror}"})
            return 3
        Keeper(folder, public).run()
    return 0


class Server:
    """One server process. `ready` is the file it writes when it answers, and again when it has taken over."""

    def __init__(self, spec: dict[str, Any], folder: Path, public: socket.socket) -> None:
        self.spec = spec
        self.started = time.monotonic()
        self.ready = folder / f"ready-{spec['id']}-{os.getpid()}-{time.monotonic_ns()}.json"
        self.patience = float(spec.get("drain_seconds", DRAIN_SECONDS)) + OVERDUE
        self.overdue = 0.0  # when its patience is over; set as it leaves
        words = [*spec["argv"], "--standby-fd", str(public.fileno()), "--ready-file", str(self.ready)]
        log = folder / f"server-{spec['id']}.log"
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            os.replace(log, log.with_name(f"{log.name}.1"))
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                words,
                cwd=folder,
                env={**os.environ, **spec["env"]},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=[public.fileno()],
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def told(self) -> dict[str, Any]:
        """What the server has told of itself so far."""
        found = read(self.ready)
        return found if isinstance(found.get("port"), int) else {}

    def ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Keeper:
    """The active server, one that may follow it, and those that are leaving."""

    def __init__(self, folder: Path, public: socket.socket) -> None:
        self.folder = folder
        self.public = public
        self.selector = selectors.DefaultSelector()
        self.active: Server | None = None
        self.next: Server | None = None
        self.asker: socket.socket | None = None
        self.waiting = ""
        self.failed = ""  # why `next` ended while its asker was busy with something else: the answer to what comes next
        self.leaving: list[Server] = []
        self.restarts = 0
        self.again = 0.0
        self.stopping = False

    def run(self) -> None:
        """Serve the control socket, and look after the servers, until stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        private = tempfile.mkdtemp(prefix="mlops-ci-")  # a socket's path must be short, and nobody else's business
        try:
            control = socket.socket(socket.AF_UNIX)
            control.bind(f"{private}/control")
            control.listen()
            self.selector.register(control, selectors.EVENT_READ)
            port = self.public.getsockname()[1]
            write(self.folder / "keeper.json", {"pid": os.getpid(), "control": f"{private}/control", "port": port})
            self.revive()
            while not (self.stopping and self.gone()):
                for key, _ in self.selector.select(QUICK if self.waiting else TICK):
                    self.accept(control) if key.fileobj is control else self.hear(key.fileobj)
                self.look()
        finally:
            with contextlib.suppress(OSError):
                (self.folder / "keeper.json").unlink()
            shutil.rmtree(private, ignore_errors=True)

    def revive(self) -> None:
        """Start what the keeper before kept. A note that is broken, or names what is gone, keeps nobody from coming."""
        known = read(self.folder / "active.json")
        try:
            for left in self.folder.glob("ready-*.json"):
                left.unlink(missing_ok=True)
            self.active = self.start(known) if known else None
        except Exception:
            traceback.print_exc()

    def start(self, spec: dict[str, Any]) -> Server:
        return Server(spec, self.folder, self.public)

    def gone(self) -> bool:
        """End every server, and say whether all have ended."""
        for server in (self.active, self.next):
            if server is not None:
                self.leave(server)
        self.active = self.next = None
        return not self.leaving

    def accept(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = control.accept()
            connection.settimeout(5)
            self.selector.register(connection, selectors.EVENT_READ)

    def hear(self, connection: Any) -> None:
        """One command; a connection that is closed, or speaks otherwise, goes, and the server it asked for with it."""
        try:
            self.obey(connection, receive(connection))
        except Exception:
            self.selector.unregister(connection)
            connection.close()
            if connection is self.asker:
                self.drop()

    def obey(self, connection: socket.socket, line: dict[str, Any]) -> None:
        command = line["do"]
        if connection is self.asker and self.failed:
            send(connection, {"failed": self.failed})
            self.drop()
        elif command == "start":
            self.begin(connection, line["server"])
        elif command == "switch" and connection is self.asker and self.next is not None:
            self.waiting = "switch"
            self.next.signal(signal.SIGUSR1)
        elif command == "stop":
            self.stopping = True
            (self.folder / "active.json").unlink(missing_ok=True)
            send(connection, {"stopped": True})
        else:
            send(connection, self.status() if command == "status" else {"failed": f"not possible now: {command}"})

    def begin(self, connection: socket.socket, spec: dict[str, Any]) -> None:
        if self.asker is not None or self.stopping:
            send(connection, {"failed": "it is to stop" if self.stopping else "another server is about to follow"})
            return
        try:
            self.next = self.start(spec)
        except NOT_STARTED as error:
            send(connection, {"failed": f"it could not be started: {getattr(error, 'strerror', None) or error}"})
            return
        self.asker, self.waiting = connection, "start"

    def status(self) -> dict[str, Any]:
        active = self.active
        alive = active is not None and not active.ended() and bool(active.told().get("took_over"))
        return {
            "active": active.spec["id"] if active else "",
            "pid": active.process.pid if active else 0,
            "answering": alive,
            "restarts": self.restarts,
        }

    def look(self) -> None:
        """What has happened to the servers since the last look."""
        for server in list(self.leaving):
            if server.ended():
                self.leaving.remove(server)
                with contextlib.suppress(OSError):
                    server.ready.unlink()
            elif time.monotonic() > server.overdue:
                server.signal(signal.SIGKILL)
        if self.next is not None:
            self.look_at_next(self.next)
        if self.active is not None and not self.stopping:
            self.look_at_active(self.active)

    def look_at_next(self, server: Server) -> None:
        told = server.told()
        if server.ended():
            self.fail(f"it ended with exit code {server.process.returncode}")
        elif self.waiting == "start" and told:
            self.waiting = ""
            self.answer({"ready": told["port"]})
        elif self.waiting == "switch" and told.get("took_over"):
            self.follow(server)

    def follow(self, server: Server) -> None:
        """It is the active one now. Where that can't be noted, it is not: the one before was not told to leave yet."""
        try:
            write(self.folder / "active.json", server.spec)
        except OSError as error:
            self.fail(f"active.json could not be written: {error.strerror}")
            return
        before, self.active, self.next = self.active, server, None
        self.restarts, self.again, self.waiting = 0, 0.0, ""
        if before is not None:
            self.leave(before)
        self.answer({"switched": server.spec["id"]})
        self.asker = None

    def fail(self, reason: str) -> None:
        """The server that was to follow does not; its asker is told at once only where it waits for that."""
        asker = self.asker
        if self.waiting:
            self.answer({"failed": reason})
            self.drop()
        else:
            self.drop()
            self.asker, self.failed = asker, reason

    def look_at_active(self, server: Server) -> None:
        """Start it again where it crashed, after a pause that grows; it takes over as soon as it answers."""
        now = time.monotonic()
        if not server.ended():
            told = server.told()
            if told and not told.get("took_over"):
                server.signal(signal.SIGUSR1)
            if now - server.started > SETTLED:
                self.restarts = 0
        elif not self.again:
            self.again = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.restarts, 10))
        elif now >= self.again:
            self.again, self.restarts = 0.0, self.restarts + 1
            with contextlib.suppress(*NOT_STARTED):
                server.ready.unlink(missing_ok=True)
                self.active = self.start(server.spec)

    def leave(self, server: Server) -> None:
        """It finishes what it has begun, and ends; one that does not is killed."""
        server.overdue = time.monotonic() + server.patience
        server.signal(signal.SIGTERM)
        self.leaving.append(server)

    def drop(self) -> None:
        """The server that was to follow does not."""
        if self.next is not None:
            self.leave(self.next)
        self.next, self.asker, self.waiting, self.failed = None, None, "", ""

    def answer(self, document: dict[str, Any]) -> None:
        if self.asker is not None:
            send(self.asker, document)


def locked(lock: int) -> bool:
    """Whether the lock is ours; it is another keeper's where it is held for longer than a look takes."""
    ended = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > ended:
                return False
            time.sleep(QUICK)


def end_with_parent() -> None:
    """Linux ends a server whose keeper was killed; elsewhere the next keeper finds its port taken, and says so."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)


def receive(connection: socket.socket) -> dict[str, Any]:
    """One object on a line. Raises OSError or ValueError where the other side is gone or speaks otherwise."""
    with connection.makefile("rb") as lines:
        found = json.loads(lines.readline(1_000_000))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def send(connection: socket.socket, document: dict[str, Any]) -> None:
    """Whoever does not wait for the answer is found gone when next heard."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(document).encode() + b"\n")


def write(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def read(path: Path) -> dict[str, Any]:
    """The object in a file, {} where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
