"""The one door to subprocesses. A child never outlives us: it has its own group, and the group is killed with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from mlops_ci.errors import BackendError
from mlops_ci.io import clock

TAIL_LINES = 20
LONGEST_LINE = 4_000


class MissingProgram(BackendError):
    """A program that is not on the PATH."""

    def __init__(self, program: str) -> None:
        super().__init__(f"program not found: {program}")


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A child that ended. `peak_memory_mb` is its largest process's resident peak (None where unknown)."""

    code: int
    stdout: str = ""
    stderr: str = ""
    tail: tuple[str, ...] = ()
    seconds: float = 0.0
    timed_out: bool = False
    peak_memory_mb: float | None = None


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run to the end and keep what it printed. Raises BackendError if the program is missing or the time is up."""
    words = [str(word) for word in argv]
    started = clock.stopwatch()
    with _start(words, cwd=cwd, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            out, err = child.communicate(input.encode() if input is not None else b"", timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(child)
            raise BackendError(f"{words[0]} did not end within {timeout:g} s") from None
        except BaseException:
            _kill(child)
            raise
    return Completed(
        code=child.returncode,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
        seconds=clock.stopwatch() - started,
    )


def run_bytes(
    argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None, input: bytes = b""
) -> bytes:
    """Run to the end and return standard output as it is. Raises BackendError if the program fails."""
    words = [str(word) for word in argv]
    with _start(words, cwd=cwd, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = child.communicate(input)
    if child.returncode != 0:
        raise BackendError(f"{words[0]} failed: {err.decode('utf-8', 'replace').strip()}")
    return out


def inherited() -> dict[str, str]:
    """This process's environment, for a child that needs it with a few changes."""
    return dict(os.environ)


def stream(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    log: Path,
    on_line: Callable[[str], None] = lambda line: None,
    timeout: float | None = None,
    largest_log: int = 64 * 1024 * 1024,
) -> Completed:
    """Run a child whose output is worth watching: every line goes to `on_line` and to the file `log`.

    Standard output and error are one stream. The log stops growing at `largest_log` bytes and says so. After
    `timeout` seconds the whole process group is killed and `timed_out` is true; so too when we are interrupted, or
    killed. Raises BackendError if the program is missing.
    """
    started = clock.stopwatch()
    expired = threading.Event()
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(log, "ab") as file,
        _measured(argv, cwd=cwd, env=env) as (child, measure),
    ):

        def expire() -> None:
            expired.set()
            _kill(child)

        timer = threading.Timer(timeout or 0, expire)
        if timeout:
            timer.start()
        try:
            tail = _pump(child, file, on_line, largest_log)
            child.wait()
            peak = measure()
        except BaseException:
            _kill(child)
            raise
        finally:
            timer.cancel()
    return Completed(
        code=child.returncode,
        tail=tail,
        seconds=clock.stopwatch() - started,
        timed_out=expired.is_set(),
        peak_memory_mb=peak,
    )


@contextlib.contextmanager
def running(
    argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator[Callable[[], bool]]:
    """A child that runs meanwhile, its output in `log`; yields whether it still does. It never outlives us, nor the
    block. Raises BackendError if the program is missing."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        child = subprocess.Popen(
            _supervised(argv, env),
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield lambda: child.poll() is None
    finally:
        _kill(child)
        child.wait()
        if child.stdin is not None:
            child.stdin.close()


def detach(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], log: Path) -> int:
    """Start a process that outlives us, in a session of its own, and return its pid. Its output goes to `log`.

    At the end of a job GitHub's runner ends every process that has the job's RUNNER_TRACKING_ID, whatever its session,
    so this one does not get it.
    """
    with open(log, "ab") as out:
        child = subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env={name: value for name, value in env.items() if name != "RUNNER_TRACKING_ID"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child.returncode = 0  # it is nobody's to wait for; without this, Popen warns when it is forgotten
    return child.pid


def own_python() -> str:
    """The interpreter that runs us."""
    return sys.executable


def _supervised(argv: Sequence[str | Path], env: Mapping[str, str] | None, peak: int = -1) -> list[str]:
    words = [str(word) for word in argv]
    from shutil import which  # late: it brings every compression library, and `check` is to start fast

    if which(words[0], path=None if env is None else env.get("PATH")) is None:
        raise MissingProgram(words[0])
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py")), str(peak), *words]


@contextlib.contextmanager
def _measured(
    argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], float | None]]]:
    """A supervised child, and what tells its peak memory in MB once it has ended (None where it was killed)."""
    reader, writer = os.pipe()
    with open(reader, "rb") as peak:
        try:
            words = _supervised(argv, env, writer)
            child = _start(words, cwd=cwd, env=env, stdin=subprocess.PIPE, stderr=subprocess.STDOUT, keep=(writer,))
        finally:
            os.close(writer)

        def measure() -> float | None:
            digits = peak.read()
            return int(digits) / 2**20 if digits else None

        with child:
            yield child, measure


def _start(
    words: list[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None,
    stdin: int,
    stderr: int,
    keep: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            pass_fds=keep,
        )
    except FileNotFoundError:
        raise MissingProgram(words[0]) from None
    except OSError as error:
        raise BackendError(f"could not start {words[0]}: {error.strerror}") from error


def _pump(
    child: subprocess.Popen[bytes], file: BinaryIO, on_line: Callable[[str], None], largest: int
) -> tuple[str, ...]:
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    written = 0
    assert child.stdout is not None
    for raw in iter(partial(child.stdout.readline, LONGEST_LINE), b""):
        if written < largest:
            file.write(raw)
            written += len(raw)
            if written >= largest:
                file.write(b"\n[mlops-ci: the log is full; what follows was not kept]\n")
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        tail.append(line)
        on_line(line)
    return tuple(tail)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
