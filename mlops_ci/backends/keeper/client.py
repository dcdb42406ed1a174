"""Talks to the keeper of one served environment; starts it where none is at work."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import BackendError
from mlops_ci.io import clock, process
from mlops_ci.ports.user_code import for_user_code

PATIENCE = 15.0  # seconds for a keeper to come up
SCRIPT = Path(process.__file__).with_name("keeper.py")


class NotReady(BackendError):
    """The keeper lives, and what was asked of it was not done in time."""


@dataclass(frozen=True, kw_only=True)
class KeeperClient:
    """One keeper, in `folder`; see io/keeper.py for what it does and says."""

    folder: Path

    def alive(self) -> bool:
        """Whether a keeper is at work here: it holds its lock, alone, as long as it lives."""
        try:
            descriptor = os.open(self.folder / "keeper.lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: who else looks is no keeper
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
            self.sweep()
            words: list[str | Path] = [process.own_python(), "-I", "-S", SCRIPT, self.folder, host, str(port)]
            variables = for_user_code(process.inherited())  # the servers that it starts get them
            process.detach(words, cwd=self.folder, env=variables, log=self.folder / "keeper.log")
        known = self._wait()
        return whole(known, "port")

    def stop(self, *, seconds: float) -> None:
        """End the servers and their keeper. Raises BackendError where it still lives after `seconds`."""
        if self.alive():
            with contextlib.suppress(BackendError):  # it may be about to end already
                self.ask({"do": "stop"})
            begun = clock.stopwatch()
            while self.alive():
                if clock.stopwatch() - begun > seconds:
                    raise BackendError(
                        f"the server's keeper did not end within {seconds:g} s",
                        hint=f"it is process {self.known().get('pid', 'unknown')}; run the same command again",
                    )
                clock.sleep(0.02)
        self.sweep()

    def sweep(self) -> None:
        """Remove what a keeper that was killed left: what it told of itself, and its socket's folder."""
        control = Path(str(read(self.folder / "keeper.json").get("control", "")))
        if control.parent.name.startswith("mlops-ci-"):
            shutil.rmtree(control.parent, ignore_errors=True)
        (self.folder / "keeper.json").unlink(missing_ok=True)

    def _wait(self) -> dict[str, Any]:
        begun = clock.stopwatch()
        while clock.stopwatch() - begun < PATIENCE:
            known = read(self.folder / "keeper.json")
            if "failed" in known:
                raise BackendError(str(known["failed"]), hint="free the port, or choose another: environments.*.port")
            if "control" in known and self.alive():
                return known
            clock.sleep(0.005)
        raise BackendError("the server's keeper did not come up", hint=f"see {self.folder / 'keeper.log'}")

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """One question of its own. Raises BackendError where nobody answers."""
        with Conversation(self.known()) as conversation:
            return conversation.say(command, timeout=10)

    def start(self, spec: Mapping[str, Any], *, timeout: float) -> Starting:
        """Start a server beside the one that serves; it goes when the answer is closed before it has switched.

        `spec` is what keeper.py starts: id, argv, env, drain_seconds. Raises NotReady when the time is up.
        """
        conversation = Conversation(self.known())
        try:
            return Starting(conversation, conversation.say({"do": "start", "server": spec}, timeout=timeout))
        except BaseException:
            conversation.close()
            raise


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
        """Ask, and wait for the one answer. Raises BackendError where there is none, NotReady where it takes longer."""
        self.socket.settimeout(timeout)
        try:
            self.socket.sendall(json.dumps(command).encode() + b"\n")
            with self.socket.makefile("rb") as lines:
                line = lines.readline()
        except TimeoutError:
            raise NotReady(f"the server was not ready within {timeout:g} s") from None
        except OSError as error:
            raise BackendError(f"the server's keeper is gone: {error.strerror}") from error
        if not line.endswith(b"\n"):
            raise BackendError("the server's keeper is gone")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BackendError("the server's keeper gave an answer that is no JSON object")
        return answer

    def close(self) -> None:
        self.socket.close()


class Starting:
    """A server beside the one that serves. `port` is its own, 0 where it did not come up and `failed` says why."""

    def __init__(self, conversation: Conversation, answer: Mapping[str, Any]) -> None:
        self.conversation = conversation
        self.failed = str(answer.get("failed", ""))
        self.port = whole(answer, "ready")
        if not self.failed and not self.port:
            raise BackendError("the server's keeper does not say whether the new server is ready")

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
    """A JSON object of the keeper's, {} where there is none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def whole(document: Mapping[str, Any], key: str) -> int:
    """A whole number of a document, 0 where it has none."""
    found = document.get(key, 0)
    return found if isinstance(found, int) else 0
