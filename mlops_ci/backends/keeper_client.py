"""Talks to the keeper of one served environment; starts it where none is at work."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import BackendError
from mlops_ci.io import clock, process

PATIENCE = 15.0  # seconds for a keeper to come up
SCRIPT = Path(process.__file__).with_name("keeper.py")


@dataclass(frozen=True, kw_only=True)
class KeeperClient:
    """One keeper, in `folder`; see io/keeper.py for what it does and says."""

    folder: Path

    def alive(self) -> bool:
        """Whether a keeper is at work here: it holds its lock as long as it lives."""
        try:
            descriptor = os.open(self.folder / "keeper.lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def known(self) -> dict[str, Any]:
        """What the keeper has told of itself: pid, control, port; {} where none is up."""
        return read(self.folder / "keeper.json") if self.alive() else {}

    def up(self, *, host: str, port: int) -> int:
        """Start the keeper where none is at work, and return its port. Raises BackendError with its reason."""
        if not self.alive():
            (self.folder / "keeper.json").unlink(missing_ok=True)
            words: list[str | Path] = [process.own_python(), "-I", "-S", SCRIPT, self.folder, host, str(port)]
            process.detach(words, cwd=self.folder, log=self.folder / "keeper.log")
        known = self._wait()
        return int(known["port"])

    def _wait(self) -> dict[str, Any]:
        begun = clock.stopwatch()
        while clock.stopwatch() - begun < PATIENCE:
            known = read(self.folder / "keeper.json")
            if "failed" in known:
                raise BackendError(str(known["failed"]), hint="free the port, or choose another: environments.*.port")
            if "control" in known and self.alive():
                return known
            clock.sleep(0.02)
        raise BackendError("the server's keeper did not come up", hint=f"see {self.folder / 'keeper.log'}")

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """One question of its own. Raises BackendError where nobody answers."""
        with Conversation(self.known()) as conversation:
            return conversation.say(command, timeout=10)

    def start(self, server: str, argv: Sequence[str], env: Mapping[str, str], *, timeout: float) -> Starting:
        """Start a server beside the one that serves; it goes when the answer is closed before it has switched."""
        conversation = Conversation(self.known())
        spec = {"id": server, "argv": list(argv), "env": dict(env)}
        try:
            answer = conversation.say({"do": "start", "server": spec}, timeout=timeout)
        except BaseException:
            conversation.close()
            raise
        return Starting(conversation, answer)


class Conversation:
    """A connection to a keeper."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        if "control" not in known:
            raise BackendError("no server is kept here")
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(str(known["control"]))
        except OSError as error:
            self.socket.close()
            raise BackendError(f"the server's keeper does not answer: {error.strerror}") from error

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, command: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """Ask, and wait for the one answer."""
        self.socket.settimeout(timeout)
        try:
            self.socket.sendall(json.dumps(command).encode() + b"\n")
            with self.socket.makefile("rb") as lines:
                line = lines.readline()
        except TimeoutError:
            raise BackendError(f"the server was not ready within {timeout:g} s") from None
        except OSError as error:
            raise BackendError(f"the server's keeper is gone: {error.strerror}") from error
        if not line:
            raise BackendError("the server's keeper is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self.socket.close()


class Starting:
    """A server beside the one that serves. `port` is its own, 0 where it did not come up and `failed` says why."""

    def __init__(self, conversation: Conversation, answer: Mapping[str, Any]) -> None:
        self.conversation = conversation
        self.failed = str(answer.get("failed", ""))
        self.port = int(answer.get("ready", 0))

    def __enter__(self) -> Starting:
        return self

    def __exit__(self, *_: object) -> None:
        self.conversation.close()

    def switch(self, *, timeout: float) -> None:
        """Let it take the public socket over; the one before it finishes and goes. Raises BackendError."""
        answer = self.conversation.say({"do": "switch"}, timeout=timeout)
        if "switched" not in answer:
            raise BackendError(f"the new server could not take over: {answer.get('failed', 'no reason given')}")


def read(path: Path) -> dict[str, Any]:
    """A JSON object of the keeper's, {} where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found
