"""Children: their output, their end, and that they never outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError
from mlops_ci.io import process

PARENT = """\
import sys
from pathlib import Path
from mlops_ci.io import process
show = lambda line: print(line, flush=True)
process.stream([sys.executable, "-c", sys.argv[1]], cwd=Path("."), log=Path("log"), on_line=show)
"""
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"


def stream(tmp_path: Path, code: str, **options: float) -> tuple[process.Completed, list[str]]:
    lines: list[str] = []
    done = process.stream(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        log=tmp_path / "logs" / "a.log",
        on_line=lines.append,
        **options,  # type: ignore[arg-type]
    )
    return done, lines


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int, within: float = 10) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_both_streams_are_one_and_kept(tmp_path: Path) -> None:
    done, lines = stream(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.code, lines, done.tail) == (3, ["out", "err"], ("out", "err"))
    assert (tmp_path / "logs/a.log").read_text() == "out\nerr\n"


def test_the_peak_is_the_childs_and_not_that_of_the_large_process_that_started_it(tmp_path: Path) -> None:
    ballast = bytearray(b"x" * 300 * 2**20)
    done, _ = stream(tmp_path, "x = bytearray(b'x' * 60 * 2**20)")
    assert len(ballast) and done.peak_memory_mb is not None
    assert 60 < done.peak_memory_mb < 200


def test_megabytes_of_output_are_cut_in_the_log_and_the_end_is_kept(tmp_path: Path) -> None:
    done, lines = stream(tmp_path, "for i in range(200_000): print(i)\nprint('x' * 5_000_000)", largest_log=100_000)
    assert (tmp_path / "logs/a.log").stat().st_size < 110_000
    assert "the log is full" in (tmp_path / "logs/a.log").read_text()
    assert len(done.tail) == process.TAIL_LINES
    assert max(map(len, lines)) <= process.LONGEST_LINE


def test_bytes_that_are_no_text_are_shown_as_well_as_they_can_be(tmp_path: Path) -> None:
    _, lines = stream(tmp_path, r"import sys; sys.stdout.buffer.write(b'a\xff\x00b\n')")
    assert lines == ["a\ufffd\x00b"]


def test_a_child_that_hangs_is_ended_with_its_own_children(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    done, lines = stream(tmp_path, code, timeout=1.5)
    assert done.timed_out
    assert done.seconds < 20
    assert gone(int(lines[0]))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_dies_with_us_however_we_die(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(how)
        parent.wait(20)
    assert gone(child)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="program not found: no-such-program"):
        process.run(["no-such-program"], cwd=tmp_path)
    with pytest.raises(BackendError, match="program not found: no-such-program"):
        process.stream(["no-such-program"], cwd=tmp_path, log=tmp_path / "log")


def test_a_short_child_has_a_time_limit_too(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"did not end within 0\.5 s"):
        process.run([sys.executable, "-c", CHILD], cwd=tmp_path, timeout=0.5)


def test_a_failing_child_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="failed: no such luck"):
        process.run_bytes([sys.executable, "-c", "import sys; sys.exit('no such luck')"], cwd=tmp_path)


def test_what_is_inherited_is_a_copy() -> None:
    process.inherited()["MLOPS_CI_TEST"] = "1"
    assert "MLOPS_CI_TEST" not in os.environ


def test_what_outlives_us_outlives_the_job_of_a_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner ends whatever has the job's RUNNER_TRACKING_ID; all else of the environment is kept."""
    monkeypatch.setenv("RUNNER_TRACKING_ID", "github_0")
    monkeypatch.setenv("KEPT", "x")
    code = (
        "import os, signal; print(os.environ.get('RUNNER_TRACKING_ID'), os.environ['KEPT'], flush=True); signal.pause()"
    )
    words = [sys.executable, "-c", code]
    pid = process.detach(words, cwd=tmp_path, env=process.inherited(), log=tmp_path / "log")
    end = time.monotonic() + 10
    while not (said := (tmp_path / "log").read_text()) and time.monotonic() < end:
        time.sleep(0.02)
    assert said == "None x\n"
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
