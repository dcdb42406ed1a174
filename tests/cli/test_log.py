"""Text from outside in a job's log: it can be read there, and is never a command to the runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import colorama  # type: ignore[import-untyped]
import pytest

from mlops_ci.cli import wiring
from mlops_ci.cli.console import Console
from mlops_ci.cli.log import command, guarded
from mlops_ci.cli.main import root, run
from mlops_ci.github.commands import harmless, harmless_json
from tests.cli.job_log import HOSTILE, commands

Out = pytest.CaptureFixture[str]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_is_a_command(text: str, capsys: Out) -> None:
    console = Console(actions=True)
    with guarded():
        console.say(text)
        console.show(text)
        with console.step(text) as say:
            say(text)
            print(text)
            print(text, file=sys.stderr)
    out, err = capsys.readouterr()
    assert commands(text.replace("\x1b[31m", "").replace("\x1b[0m", "")), "it is hostile"
    assert commands(out) == []
    assert commands(err) == ["group", "endgroup"]


def test_our_own_commands_stay_commands_whatever_a_library_puts_around_the_streams(capsys: Out) -> None:
    """DVC brings colorama, which wraps both where no terminal is."""
    console = Console(actions=True)
    with guarded():
        with console.step("train") as say:
            sys.stderr = colorama.AnsiToWin32(sys.stderr, strip=True).stream
            say("::error::text of a training")
        print("half a line", end="", file=sys.stderr)
        command("::error::ours")
    err = capsys.readouterr().err
    assert commands(err) == ["group", "endgroup", "error"]
    assert "half a line\n::error::ours\n" in err


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_may_be_written_in_pieces(text: str, capsys: Out) -> None:
    for size in (1, 2, 3, 7):
        with guarded():
            for start in range(0, len(text), size):
                print(text[start : start + size], end="", flush=True)
        assert capsys.readouterr().out == harmless(text)


def test_it_can_still_be_read() -> None:
    assert harmless("::error::x") == ": :error::x"
    assert harmless("see ##[error]x") == "see ## [error]x"
    for text in ("std::vector", "a: b", ":: ", "  #[x]", "# [x](y)", "10:20::30", "\r\n", ""):
        assert harmless(text) == (text if text != ":: " else ": : ")


def test_a_long_text_costs_a_short_time() -> None:
    started = time.process_time()
    for text in ("\x1c" * 100_000, "\n" * 100_000, "#" * 100_000, "\n ::" * 30_000):
        assert commands(harmless(text)) == []
    assert time.process_time() - started < 2


def test_our_own_command_begins_a_line(capsys: Out) -> None:
    with guarded():
        print("half a line", end="", file=sys.stderr)
        with Console(actions=True).step("train"):
            pass
    assert capsys.readouterr().err.splitlines() == ["half a line", "::group::train", "::endgroup::"]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_says_the_same(text: str, capsys: Out) -> None:
    with guarded():
        Console(actions=True, json=True).document({text: [text]})
    out = capsys.readouterr().out
    assert json.loads(out) == {text: [text]}
    assert commands(out) == []
    assert json.loads(harmless_json(json.dumps(text, ensure_ascii=False))) == text


def test_a_suite_on_stdout_says_the_same(job: None, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = {"name": "##[error]x", "expectations": [{"type": "::error::x"}], "meta": {}}
    monkeypatch.setattr(wiring, "suggest", lambda *words, **options: suite)
    assert run(["suggest-suite", "x.csv"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == suite
    assert commands(out) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["##[add-mask]toy"], "'## [add-mask]toy'"),
        (["check", "--config", "a\n::stop-commands::x.yaml"], ": :stop-commands::x.yaml"),
    ],
)
def test_a_mistake_is_told_as_text(words: list[str], told: str, job: None, capsys: Out) -> None:
    """Beside our own annotation."""
    assert run(words) == 2
    said = capsys.readouterr().err
    assert told in said
    assert commands(said) == ["error"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_bug_is_told_as_text(debug: bool, job: None, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **options: object) -> None:
        raise RuntimeError("lost\n::set-output name=verdict::better\n##[error]x")

    monkeypatch.setattr(root, "main", broken)
    assert run(["check", *(["--debug"] if debug else [])]) == 1
    said = capsys.readouterr().err
    assert ("Traceback" in said) == debug
    assert ": :set-output name=verdict::better\n## [error]x" in said
    assert commands(said) == ["error"], "our own annotation, which is one line"


def test_elsewhere_nothing_is_changed(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert run(["##[add-mask]toy"]) == 2
    assert "'##[add-mask]toy'" in capsys.readouterr().err
    Console(json=True).document("##[x]")
    assert capsys.readouterr().out == '"##[x]"\n'


def test_no_encoding_leads_around_it(tmp_path: Path) -> None:
    env = {**os.environ, "GITHUB_ACTIONS": "true", "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "mlops_ci", "##[add-mask]toy"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "## [add-mask]toy" in done.stderr
    assert commands(done.stdout + done.stderr) == ["error"]
