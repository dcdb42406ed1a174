"""Nothing in the documentation is untrue that a machine can check."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mlops_ci.cli.main import COMMANDS
from mlops_ci.config.load import load_bytes
from mlops_ci.yaml12 import load
from tests.digests.repository import Repository

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLAYED = {
    "docs/local.md",
    "docs/promotion.md",
    "docs/retrain.md",
    "docs/rollback.md",
}  # tests/examples: the demo prints what they show
LINK = re.compile(r"\]\(([^)\s]+)\)")


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_yaml_snippets_are_valid(page: Path) -> None:
    for language, text in FENCE.findall(page.read_text("utf-8")):
        if language == "yaml" and text.lstrip().startswith("version:"):
            assert load_bytes(text.encode(), path=page, root=page.parent, environ={}).models


def snippets(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block in a language."""
    found = [(names(page), block) for page in PAGES for block in FENCE.findall(page.read_text("utf-8"))]
    return [(page, text) for page, (kind, text) in found if kind == language]


def test_every_snippet_is_of_a_kind_that_is_tested(tmp_path: Path) -> None:
    """YAML is a config, a pipeline, or a comment; whatever else comes needs a test of its own."""
    for page, text in snippets("yaml"):
        if text.startswith("stages:"):
            repository = Repository.create(tmp_path / page)
            repository.write("dvc.yaml", text)
            repository.write("params.yaml", "learning_rate: 0.1\n")
            repository.write("train.py", "")
            repository.write("data/train.csv", "x\n")
            repository.commit()
            assert repository.inputs().stages
        elif text.startswith("name:"):
            for job in load(text.encode()).value["jobs"].values():
                path = job["uses"].removeprefix("mlops-ci/mlops-ci/").removesuffix("@v1")
                called = load((ROOT / path).read_bytes()).value
                granted = [given for item in called["jobs"].values() for given in item["permissions"].items()]
                assert set(granted) == set(job["permissions"].items()), page
        else:
            assert text.startswith(("version:", "# yaml-language-server:", "apiVersion:")), page
            assert list(yaml.safe_load_all(text)) is not None
    assert {page for page, _ in snippets("python")} == {
        "docs/evaluation.md",
        "docs/get-started-github.md",
        "docs/score.md",
    }
    texts = {
        "README.md",
        "docs/audit.md",
        "docs/cli.md",
        "docs/drift.md",
        "docs/doctor.md",
        "docs/forge.md",
        "docs/serving.md",
        "docs/get-started-github.md",
        *PLAYED,
    }
    assert {page for page, _ in snippets("text")} == texts


def test_the_metric_of_ones_own_measures(tmp_path: Path) -> None:
    import numpy as np
    import pandas as pd

    ((_, text),) = [found for found in snippets("python") if found[0] == "docs/evaluation.md"]
    space: dict[str, Any] = {}
    exec(compile(text, "docs/evaluation.md", "exec"), space)
    rows = pd.DataFrame({"seats": [100, 50, 7]})
    assert space["cost"](np.array([1, 1, 0]), np.array([0.4, 0.6, 0.1]), rows) == 100.0


def test_the_metadata_of_predictions_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow
    from pyarrow import parquet

    ((_, text),) = [found for found in snippets("python") if found[0] == "docs/score.md"]
    (tmp_path / "predictions").mkdir()
    table = pyarrow.table({"prediction": [1]}).replace_schema_metadata({"mlops_ci.model_digest": "abc"})
    parquet.write_table(table, tmp_path / "predictions/part-00000-00000.parquet")
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "docs/score.md", "exec"), {})
    assert capsys.readouterr().out == "abc\n"


def named(words: list[str]) -> click.Command:
    """The command that a line calls, below its group where it is one."""
    command = import_module(f"mlops_ci.cli.{COMMANDS[words[0]][0]}").command
    assert isinstance(command, click.Command)
    return command.commands[words[1]] if isinstance(command, click.Group) else command


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_exist_with_their_options(page: Path) -> None:
    text = page.read_text("utf-8")
    fenced = [line for language, block in FENCE.findall(text) if language == "console" for line in block.splitlines()]
    for line in [*fenced, *re.findall(r"^    (mlops-ci .*)$", text, re.MULTILINE)]:
        words = shlex.split(line)
        if words and words[0] == "mlops-ci" and words[1:2] != ["--version"]:
            command = named(words[1:])
            known = {option for p in command.params if isinstance(p, click.Option) for option in p.opts}
            assert {word for word in words[2:] if word.startswith("-")} <= known, line


@pytest.mark.parametrize("page", ["docker", "kserve", "local", "promotion", "rollback"])
def test_what_a_table_says_of_failures_is_said(page: str) -> None:
    """Each piece between dots of a message in a table `it says | what to do` stands in the code."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "mlops_ci").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a text of two lines
    rows = re.findall(r"^\| `([^|]+)` \|", (ROOT / f"docs/{page}.md").read_text("utf-8"), re.MULTILINE)
    pieces = [piece.strip(" ,:;") for row in rows for piece in re.split("…|`.*?`", row)]
    long = [piece for piece in pieces if len(piece) > 8 and " " in piece]
    assert [piece for piece in long if piece not in code] == []


def test_every_page_an_error_names_exists() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "mlops_ci").rglob("*.py"))
    found = set(re.findall(r'(?:docs|page)\s*=\s*"([\w\-.]+\.md(?:#[\w\-]+)?)"', text))
    assert len(found) > 10
    for target in sorted(found):
        page, _, anchor = target.partition("#")
        assert (ROOT / "docs" / page).exists(), target
        assert not anchor or anchor in anchors(ROOT / "docs" / page), target


def test_generated_pages_are_current() -> None:
    done = subprocess.run([sys.executable, ROOT / "script/docs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_exit_codes_are_all_documented() -> None:
    page = (ROOT / "docs/errors.md").read_text("utf-8")
    for code in (0, 1, 2, 3, 10, 11, 130):
        assert f"| {code} |" in page
