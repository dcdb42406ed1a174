"""What a stage runs and imports but does not declare."""

from __future__ import annotations

import pytest

from mlops_ci.digests.commands import Script, scripts
from mlops_ci.digests.imports import closure, import_checks, undeclared_imports
from mlops_ci.records.results import Severity, Status
from tests.digests.repository import Repository


def undeclared(repository: Repository, target: str = "t") -> list[tuple[str, str, int, str]]:
    project = repository.project()
    found = undeclared_imports(project.tree, repository.inputs(target))
    return sorted((item.module, item.importer, item.line, item.entry) for item in found)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python train.py --x 1", [Script("d", "d/train.py")]),
        ("python3.11 -u -X dev -W error src/train.py", [Script("d", "d/src/train.py")]),
        ("/usr/bin/python -m pkg.train --a", [Script("d", module="pkg.train")]),
        ("A=1 B='x y' python a.py && python b.py; python c.py | tee log", [Script("d", f"d/{n}.py") for n in "abc"]),
        ("cd sub && python a.py", [Script("d/sub", "d/sub/a.py")]),
        ("uv run --frozen python a.py", [Script("d", "d/a.py")]),
        ("poetry run a.py", [Script("d", "d/a.py")]),
        ("./a.py x", [Script("d", "d/a.py")]),
        ("bash -e run.sh", [Script("d", "d/run.sh")]),
        ("python -c 'import a'", []),
        ("bash -c 'python a.py'", []),
        ("echo 'unclosed", []),
        ("python /opt/tool.py", []),
        ("cp a b", []),
        ("", []),
    ],
)
def test_scripts_of_a_command(command: str, expected: list[Script]) -> None:
    assert list(scripts([command], "d")) == expected


def test_undeclared_modules_are_named_with_the_line_to_add(repository: Repository) -> None:
    repository.write(
        "dvc.yaml", "stages:\n  t: {cmd: python src/train.py, deps: [src/train.py, src/known], outs: [m]}\n"
    )
    repository.write(
        "src/train.py",
        "import os, numpy\nimport features\nfrom pkg.sub import tools, VALUE\nfrom known import x\n"
        "if True:\n    import importlib\n    importlib.import_module('dynamic')\n",
    )
    repository.write(
        "src/features.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import typed\nimport deeper\n"
    )
    repository.write("src/deeper.py", "import features  # a circle\n")
    repository.write("src/typed.py", "x = 1\n")
    repository.write("src/dynamic.py", "x = 1\n")
    repository.write("src/known/__init__.py", "from . import x\n")
    repository.write("src/known/x.py", "from ..sibling import y\n")
    repository.write("src/sibling.py", "y = 1\n")
    repository.write("src/pkg/__init__.py", "")
    repository.write("src/pkg/sub/__init__.py", "from .inner import VALUE\n")
    repository.write("src/pkg/sub/inner.py", "VALUE = 1\n")
    repository.write("src/pkg/sub/tools.py", "from .. import other\n")
    repository.write("src/pkg/other.py", "x = 1\n")
    repository.write("src/unused.py", "x = 1\n")
    repository.write("os.py", "print('never imported: the standard library comes first')\n")
    assert undeclared(repository) == [
        ("src/deeper.py", "src/features.py", 4, "- src/deeper.py"),
        ("src/dynamic.py", "src/train.py", 7, "- src/dynamic.py"),
        ("src/features.py", "src/train.py", 2, "- src/features.py"),
        ("src/pkg/other.py", "src/pkg/sub/tools.py", 1, "- src/pkg/other.py"),
        ("src/pkg/sub/__init__.py", "src/train.py", 3, "- src/pkg/sub/__init__.py"),
        ("src/pkg/sub/inner.py", "src/pkg/sub/__init__.py", 1, "- src/pkg/sub/inner.py"),
        ("src/pkg/sub/tools.py", "src/train.py", 3, "- src/pkg/sub/tools.py"),
        ("src/sibling.py", "src/known/x.py", 1, "- src/sibling.py"),
    ]


def test_the_line_counts_from_the_working_folder(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {wdir: work, cmd: python -m run, deps: [run.py]}\n")
    repository.write("work/run.py", "import shared\n")
    repository.write("shared.py", "x = 1\n")
    assert undeclared(repository) == [("shared.py", "work/run.py", 1, "- ../shared.py")]


def test_the_script_itself(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: [python one.py, sh two.sh], deps: [data.csv]}\n")
    for name in ("one.py", "two.sh", "data.csv"):
        repository.write(name, "x = 1\n")
    assert [item[0] for item in undeclared(repository)] == ["one.py", "two.sh"]


def test_a_declared_folder_covers_its_files_and_broken_files_are_left_alone(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: python src/a.py, deps: [src]}\n")
    repository.write("src/a.py", "import b\n")
    repository.write("src/b.py", "this is no python\n")
    assert undeclared(repository) == []


def test_frozen_stages_are_not_looked_at(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages:\n  t: {cmd: python a.py, frozen: true}\n")
    repository.write("a.py", "x = 1\n")
    assert undeclared(repository) == []


@pytest.mark.parametrize(("setting", "severity"), [("warn", Severity.WARN), ("fail", Severity.FAIL)])
def test_as_checks(repository: Repository, setting: str, severity: Severity) -> None:
    repository.write("dvc.yaml", "stages:\n\n  t: {cmd: python a.py, deps: [a.py]}\n")
    repository.write("a.py", "import b\n")
    repository.write("b.py", "x = 1\n")
    tree, inputs = repository.project().tree, repository.inputs("t")
    (check,) = import_checks(tree, inputs, setting)
    assert check.status is Status.FAILED
    assert check.severity is severity
    assert check.message == "stage 't': a.py:1 imports b.py, which is not among its deps; add '- b.py' below 'deps:'"
    assert check.where == "dvc.yaml:3"
    assert import_checks(tree, inputs, "ignore") == ()


def test_the_closure_of_a_module(repository: Repository) -> None:
    repository.write("metrics/profit.py", "from . import rates\nimport pandas\n")
    repository.write("metrics/rates.py", "import shared\n")
    repository.write("shared.py", "")
    assert closure(repository.project().tree, "metrics/profit.py") == (
        "metrics/profit.py", "metrics/rates.py", "shared.py"
    )  # fmt: skip
