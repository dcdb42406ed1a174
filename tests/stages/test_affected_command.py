"""`mlops-ci affected` and a pull request that affects nothing, at a command line, in every awkward checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.digests.repository import Repository

CONFIG = """\
version: 1
models:
  toy:
    train: {target: train}
"""
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
# Runs the command line in this process and prints what it imported.
SPY = """\
import sys
from mlops_ci.cli.main import run
code = run(sys.argv[1:])
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
sys.exit(code)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A model on main."""
    made = Repository.create(tmp_path / "repository")
    made.write("mlops.yaml", CONFIG)
    made.write(".dvc/config")
    return made.pipeline()


def run(repository: Repository, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "mlops_ci", *words], cwd=repository.root, capture_output=True, text=True
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_text_and_json_say_the_same(repository: Repository) -> None:
    repository.git("checkout", "-qb", "branch")
    repository.write("params.yaml", "depth: 4\nmodel: {rate: 0.1}\n")
    done = run(repository, "affected")
    assert done.stdout.splitlines()[1:] == ["  stage train: parameter depth: 3 → 4"]
    assert "uncommitted changes are part of this: params.yaml" in done.stderr
    answer = run(repository, "affected", "--json")
    (document,) = json.loads(answer.stdout)
    assert document["affected"] is True
    assert document["changes"][0] == {"kind": "parameter", "name": "depth", "stage": "train", "old": "3", "new": "4"}
    assert "stage train: parameter depth" in answer.stderr


def test_undeclared_imports_are_said_with_the_line_to_add(repository: Repository) -> None:
    repository.write("train.py", "import features\n")
    repository.write("features.py", "x = 1\n")
    done = run(repository, "affected")
    assert "warn: toy: dvc.yaml:6: stage 'train': train.py:1 imports features.py" in done.stderr
    assert "add '- features.py' below 'deps:'" in done.stderr
    repository.write("mlops.yaml", CONFIG.replace("{target: train}", "{target: train, undeclared_imports: ignore}"))
    assert "features.py, which is not among" not in run(repository, "affected").stderr


def test_check_tells_them_too(repository: Repository) -> None:
    repository.write("train.py", "import features\n")
    repository.write("features.py", "x = 1\n")
    done = run(repository, "check")
    assert "warning toy undeclared import: stage 'train': train.py:1 imports features.py" in done.stdout


def test_check_tells_that_dvc_is_not_set_up(repository: Repository) -> None:
    (repository.root / ".dvc/config").unlink()
    assert "toy DVC: DVC is not set up in this repository (dvc init" in run(repository, "check", expect=2).stdout


WAIVED = """\
    evaluate: {{holdout: h.csv, label: y, metrics: [f1], gates: [{{metric: f1, min: 0.5}}]}}
    overrides: [{{gate: "{gate}", reason: known, author: ann, expires: {expires}}}]
"""


@pytest.mark.parametrize(
    ("gate", "expires", "expected"),
    [("f1 >= 0.5", "2001-01-01", "expired on 2001-01-01"), ("f1 > 0.5", "2099-01-01", "did you mean 'f1 >= 0.5'?")],
)
def test_an_override_that_can_not_hold_is_told_before_anything_runs(
    repository: Repository, gate: str, expires: str, expected: str
) -> None:
    repository.write("h.csv", "x,y\n1,1\n")
    repository.write("mlops.yaml", CONFIG + WAIVED.format(gate=gate, expires=expires))
    repository.git("add", "-A")
    done = run(repository, "check", expect=2)
    assert expected in done.stdout
    assert "mlops.yaml:6" in done.stdout
    done = run(repository, "pull-request", "--model", "toy", expect=2)
    assert expected in done.stdout
    assert not (repository.root / ".mlops/results/toy/train.json").exists()


def test_check_looks_at_the_named_model_alone(repository: Repository) -> None:
    repository.write("mlops.yaml", CONFIG + "  other:\n    path: other\n")
    assert "other pipeline" in run(repository, "check", expect=2).stdout
    assert "other pipeline" not in run(repository, "check", "--model", "toy").stdout
    assert "did you mean 'other'?" in run(repository, "check", "--model", "othr", expect=2).stderr


def test_a_base_by_name(repository: Repository) -> None:
    repository.git("tag", "v1")
    repository.write("train.py", "print('new')\n")
    repository.commit()
    assert "stage train: file train.py changed" in run(repository, "affected", "--base", "v1").stdout
    assert "not affected since" in run(repository, "affected", "--base", "HEAD").stdout
    assert "git knows no revision 'v9'" in run(repository, "affected", "--base", "v9", expect=2).stderr


@pytest.mark.parametrize("command", ["affected", "pull-request"])
def test_nothing_affected_imports_nothing_heavy(repository: Repository, command: str) -> None:
    repository.git("checkout", "-qb", "branch")
    repository.write("README.md", "Words.\n")
    repository.commit()
    done = subprocess.run(
        [sys.executable, "-c", SPY, command], cwd=repository.root, capture_output=True, text=True, check=True
    )
    imported = done.stdout.rpartition("imported:")[2].split()
    assert "yaml" in imported
    assert not set(imported) & set(HEAVY)


def no_repository(repository: Repository) -> None:
    (repository.root / ".git").rename(repository.root / "not-git")


def no_commits(repository: Repository) -> None:
    repository.git("update-ref", "-d", "HEAD")


def shallow(repository: Repository) -> None:
    repository.git("checkout", "-qb", "branch")
    repository.commit("More")
    head = repository.git("rev-parse", "HEAD")
    (repository.root / ".git/shallow").write_text(f"{head}\n")


def orphan(repository: Repository) -> None:
    repository.git("checkout", "-q", "--orphan", "island")
    repository.git("commit", "-qm", "Alone")


def no_default_branch(repository: Repository) -> None:
    repository.git("branch", "-m", "topic")


def ignored_data(repository: Repository) -> None:
    repository.git("rm", "-q", "--cached", "data/raw.csv")
    repository.write(".gitignore", "data/raw.csv\n")


def broken_lock(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  train: {cmd: x, frozen: true, outs: [model]}\n")
    repository.write("dvc.lock", "stages: {train: {outs: [\n")


BAD: dict[str, tuple[Callable[[Repository], None], str, str]] = {
    "no repository": (no_repository, "is not inside a git repository", "git init"),
    "no commits": (no_commits, "the repository has no commits yet", "git commit"),
    "shallow clone": (shallow, "this clone is shallow", "fetch-depth: 0"),
    "unrelated history": (orphan, "share no history", "--base"),
    "no default branch": (no_default_branch, "there is no branch main or master", "default_branch"),
    "no dvc.yaml": (
        lambda r: (r.root / "dvc.yaml").unlink(), "dvc.yaml: there is no such pipeline file", "write a dvc.yaml"
    ),
    "invalid dvc.yaml": (lambda r: r.write("dvc.yaml", "stages:\n  a: [\n"), "dvc.yaml:3: not valid YAML", ""),
    "binary dvc.yaml": (lambda r: r.write("dvc.yaml", b"\xff\xfe\x00"), "dvc.yaml:1: not UTF-8", "UTF-8"),
    "huge dvc.yaml": (lambda r: r.write("dvc.yaml", "#" * 1_100_000), "the limit is 1,048,576", ""),
    "deep dvc.yaml": (lambda r: r.write("dvc.yaml", "[" * 100_000), "nested more than 60 levels deep", ""),
    "missing target": (
        lambda r: r.write("mlops.yaml", CONFIG.replace("target: train", "target: trian")),
        "there is no stage 'trian'", "did you mean 'train'?",
    ),
    "circle": (
        lambda r: r.write("dvc.yaml", "stages:\n  train: {cmd: x, deps: [o], outs: [o]}\n"),
        "in a circle: train → train", "no stage may depend",
    ),
    "untracked data": (
        ignored_data, "stage 'prepare' needs 'data/raw.csv', which is in neither git nor DVC", "dvc add data/raw.csv",
    ),
    "lock missing where needed": (
        lambda r: r.write("dvc.yaml", "stages:\n  train: {cmd: x, frozen: true, outs: [model]}\n"),
        "stage 'train' is frozen, but dvc.lock does not say", "commit dvc.lock",
    ),
    "broken lock where needed": (broken_lock, "dvc.lock:2: not valid YAML", ""),
    "missing parameter": (
        lambda r: r.write("params.yaml", "dept: 1\nmodel: {rate: 1}\n"),
        "params.yaml has no parameter 'depth'", "did you mean 'dept'?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", ["affected", "pull-request"])
def test_bad_input_is_one_clear_error(repository: Repository, case: str, command: str) -> None:
    spoil, says, cure = BAD[case]
    spoil(repository)
    done = run(repository, command, expect=2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("error: ") == 1
    assert says in done.stderr.splitlines()[0]
    assert cure in done.stderr
    assert "docs: docs/" in done.stderr
    assert done.stdout == ""
    assert not (repository.root / ".mlops/results").exists()


def test_a_detached_head_works(repository: Repository) -> None:
    repository.git("checkout", "-q", "--detach")
    repository.write("train.py", "print('new')\n")
    repository.commit()
    assert "stage train: file train.py changed" in run(repository, "affected").stdout


def test_from_a_hook_and_from_a_folder_below(repository: Repository, tmp_path: Path) -> None:
    inner = repository.root / "data"
    done = subprocess.run(
        [sys.executable, "-m", "mlops_ci", "affected", "--config", "../mlops.yaml", "--base", "HEAD"],
        cwd=inner, capture_output=True, text=True, env={**os.environ, "GIT_DIR": str(tmp_path / "elsewhere")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "toy: not affected" in done.stdout


def test_an_undeclared_import_can_turn_a_pull_request_red(repository: Repository) -> None:
    repository.write("mlops.yaml", CONFIG.replace("{target: train}", "{target: train, undeclared_imports: fail}"))
    repository.write("train.py", "import features\n")
    repository.write("features.py", "x = 1\n")
    done = run(repository, "pull-request", expect=10)
    assert "fail: dvc.yaml:6: stage 'train': train.py:1 imports features.py" in done.stderr
    stored = json.loads((repository.root / ".mlops/results/toy/affected.json").read_text())
    assert stored["status"] == "failed"
    assert stored["checks"][0]["expected"] == "- features.py"
    assert not (repository.root / ".mlops/results/toy/validate.json").exists(), "nothing goes on"
