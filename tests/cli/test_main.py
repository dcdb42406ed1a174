"""The command line's frame: help, versions, exit codes, and errors that a person can use."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mlops_ci.cli import main
from mlops_ci.cli.console import detect, error_text
from mlops_ci.cli.main import COMMANDS, root, run
from mlops_ci.errors import ConfigError
from mlops_ci.github.commands import escape, group

HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "mlflow",
    "dvc",
    "great_expectations",
    "pyarrow",
    "matplotlib",
    "sqlalchemy",
    "rich",
)


def mlops(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    env = {**os.environ, **environ}
    return subprocess.run([sys.executable, "-m", "mlops_ci", *words], cwd=cwd, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = import_module(f"mlops_ci.cli.{COMMANDS[name][0]}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]
    for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        assert one.help
        for parameter in one.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{one.name} {parameter.name}"
    shown = CliRunner().invoke(root, [name, "--help"])
    assert shown.exit_code == 0
    assert COMMANDS[name][1].split(":")[0] in shown.output


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(root, ["--help"]).output
    assert all(name in output for name in COMMANDS)


def test_version_names_the_libraries(tmp_path: Path) -> None:
    said = mlops("--version", cwd=tmp_path).stdout
    assert "mlflow 3." in said
    assert "Python" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["chekc"], "did you mean 'check'?"),
        (["check", "--confg", "x"], "--config"),
        (["check", "--config", "nowhere.yaml"], "there is no nowhere.yaml"),
        (["report", "--format", "pdf"], "'pdf' is not one of"),
    ],
)
def test_usage_errors_exit_2_and_say_what_to_do(words: list[str], expected: str, tmp_path: Path) -> None:
    done = mlops(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_reads_like_help() -> None:
    error = ConfigError("a.b has no key 'c'", where="mlops.yaml:3", hint="did you mean 'd'?")
    assert error_text(error).splitlines() == [
        "error: mlops.yaml:3: a.b has no key 'c'",
        "  did you mean 'd'?",
        "  docs: docs/configuration.md",
    ]


def test_a_bug_exits_1_with_versions_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(main.root, "main", broken)
    assert run(["check"]) == 1
    said = capsys.readouterr().err
    assert "this is a bug in mlops-ci: ZeroDivisionError: oops" in said
    assert "mlflow" in said
    assert "Traceback" not in said


def test_ctrl_c_exits_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.root, "main", interrupted)
    assert run(["check"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str) -> None:
    output = CliRunner().invoke(root, ["completion", shell]).output
    assert "_MLOPS_CI_COMPLETE" in output


def test_the_schema_is_printed_as_json() -> None:
    assert json.loads(CliRunner().invoke(root, ["schema"]).output)["title"] == "mlops.yaml"
    assert "model_digest" in json.loads(CliRunner().invoke(root, ["schema", "--release"]).output)["properties"]


@pytest.mark.parametrize(
    ("environ", "color", "actions"),
    [({}, False, False), ({"FORCE_COLOR": "1"}, True, False), ({"GITHUB_ACTIONS": "true"}, False, True)],
)
def test_output_follows_the_environment(environ: dict[str, str], color: bool, actions: bool) -> None:
    console = detect(environ, quiet=False, json=False)
    assert (console.color, console.actions) == (color, actions)
    assert not detect({**environ, "NO_COLOR": "1"}, quiet=False, json=False).color


def test_groups_fold_the_log_under_github_actions(capsys: pytest.CaptureFixture[str]) -> None:
    console = detect({"GITHUB_ACTIONS": "true"}, quiet=False, json=False)
    with console.step("train a") as say:
        say("working")
    assert capsys.readouterr().err.splitlines() == ["::group::train a", "working", "::endgroup::"]


def test_a_line_break_cannot_start_a_workflow_command() -> None:
    assert escape("x\n::error::y") == "x%0A::error::y"
    assert group("a%\r\n") == "::group::a%25%0D%0A"


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from mlops_ci.cli.main import run; code = run(['--help']);"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]; print(code, heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.strip() == "0 []"
