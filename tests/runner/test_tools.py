"""The command that builds the runner, where it can not and where it need not; and what stands for others' actions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.test_tools import go
from tests.runner import parts, standins

ROOT = Path(__file__).parents[2]


def build(**variables: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.runner.build"]
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)


def everything(cache: Path) -> Path:
    """A cache in which every part is there."""
    folder = parts.home({"MLOPS_CI_TEST_CACHE": str(cache)})
    (folder / "bin").mkdir(parents=True)
    for path in (parts.parser(folder), *(parts.program(folder, name) for name in parts.PROGRAMS)):
        path.touch()
    return folder


def test_nothing_is_built_twice(tmp_path: Path) -> None:
    everything(tmp_path)
    ran = build(MLOPS_CI_TEST_CACHE=str(tmp_path), **go(tmp_path / "bin", "exit 1"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_what_is_missing_is_built(tmp_path: Path) -> None:
    folder = everything(tmp_path)
    parts.program(folder, "act").unlink()
    fake = go(
        tmp_path / "bin",
        'if [ "$1" = version ]; then echo go version go1.26.0 any; exit; fi',
        f'echo "$@" > "{tmp_path}/asked"; echo act > "$GOBIN/act"',
    )
    ran = build(MLOPS_CI_TEST_CACHE=str(tmp_path), **fake)
    assert ran.returncode == 0, ran.stderr
    assert parts.program(folder, "act").read_text() == "act\n"
    assert (tmp_path / "asked").read_text() == f"install -ldflags -s -w {parts.PROGRAMS['act']}\n"
    assert parts.missing(folder) == []


def test_without_npm_it_says_what_to_install(tmp_path: Path) -> None:
    parts.parser(everything(tmp_path)).unlink()
    (tmp_path / "empty").mkdir()
    ran = build(MLOPS_CI_TEST_CACHE=str(tmp_path), PATH=str(tmp_path / "empty"))
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("error: npm is missing, so GitHub's own parser can't be had")


def test_every_action_of_others_has_a_stand_in(tmp_path: Path) -> None:
    folders = standins.written(tmp_path)
    assert {name.partition("@")[0] for name in folders} == set(standins.STAND_INS)
    assert all((folder / "action.yml").is_file() for folder in folders.values())


@pytest.mark.parametrize(
    ("paths", "hidden", "found"),
    [
        ("out/results", "true", {"toy/a.json", ".b.json"}),
        ("out/results", "false", {"toy/a.json"}),
        ("out/results/toy/a.json", "false", {"a.json"}),
        ("out/results/toy\nout/page-*", "false", {"results/toy/a.json", "page-1"}),
        ("nothing", "true", set()),
    ],
)
def test_an_artifact_has_the_files_that_github_would_keep(
    tmp_path: Path, paths: str, hidden: str, found: set[str]
) -> None:
    standins.written(tmp_path / "actions")
    for name in ("results/toy/a.json", "results/.b.json", "page-1"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(name)
    environ = {"NAME": "x", "PATHS": paths, "HIDDEN": hidden, "NONE": "ignore", "GITHUB_OUTPUT": str(tmp_path / "told")}
    environ["RUNNER_TEST_ARTIFACTS"] = str(tmp_path / "kept")
    script = tmp_path / "actions/actions/upload-artifact/upload.py"
    subprocess.run([sys.executable, script], cwd=tmp_path, env={**os.environ, **environ}, check=True)
    kept = tmp_path / "kept/x"
    assert {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()} == found
