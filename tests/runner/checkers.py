"""The four checkers of workflows and actions, each as a function from files to what it says about them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = "mlops-ci/mlops-ci"
SHA = "0123456789abcdef0123456789abcdef01234567"
MOVING = re.compile(rf"({OWN}(?:/[\w./-]+)?)@v1$", re.MULTILINE)

# check-jsonschema for both kinds in one process: most of its time goes into its imports.
SCHEMA = """\
import json, sys
from check_jsonschema import main
codes = [main(["--builtin-schema", *json.loads(words)], standalone_mode=False) for words in sys.argv[1:]]
sys.exit(any(codes))
"""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Workflows and actions as a user has them, in `root`; the paths are relative to it."""

    root: Path
    workflows: Sequence[str]
    actions: Sequence[str]

    @classmethod
    def copied(cls, root: Path) -> Tree:
        """Every workflow and action of this repository; what users copy is pinned as `mlops-ci init` pins it."""
        actions = [Path("action.yml"), *(path.relative_to(ROOT) for path in ROOT.glob("actions/*/action.yml"))]
        for action in actions:
            (root / action).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / action, root / action)
        folder = root / ".github/workflows"
        folder.mkdir(parents=True)
        for source in ROOT.glob("workflows/*.yml"):
            (folder / source.name).write_text(pinned(source.read_text("utf-8")), "utf-8")
        for source in ROOT.glob(".github/workflows/*.yml"):
            beside = folder / (f"own-{source.name}" if (folder / source.name).exists() else source.name)
            beside.write_text(pinned(source.read_text("utf-8")), "utf-8")
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        workflows = sorted(path.relative_to(root).as_posix() for path in folder.iterdir())
        return cls(root=root, workflows=workflows, actions=sorted(path.as_posix() for path in actions))


def pinned(text: str) -> str:
    """A workflow whose uses of our actions name a commit."""
    return MOVING.sub(rf"\1@{SHA} # v1.0.0", text)


def program(name: str) -> Path | None:
    """A checker that comes as a Python package, where it is installed."""
    found = Path(sys.executable).with_name(name)
    return found if found.exists() else None


def said(words: Sequence[object], tree: Tree) -> str:
    """What a checker says, '' where it finds nothing."""
    done = subprocess.run([str(word) for word in words], cwd=tree.root, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def zizmor(binary: Path, tree: Tree) -> str:
    """Security: injection, pins, permissions, credentials."""
    words = ["--offline", "--strict-collection", "--persona=pedantic", "--color=never", "--no-progress", "--quiet"]
    return said([binary, *words, *tree.workflows, *tree.actions], tree)


def actionlint(binary: Path, tree: Tree) -> str:
    """Types of expressions, outputs, needs, events, shell quoting. It knows workflows alone."""
    return said([binary, "-no-color", "-shellcheck=", "-pyflakes=", *tree.workflows], tree)


def schema(tree: Tree) -> str:
    """SchemaStore's schemas, as they come with the package."""
    kinds = (("vendor.github-workflows", tree.workflows), ("vendor.github-actions", tree.actions))
    return said([sys.executable, "-c", SCHEMA, *(json.dumps([kind, *files]) for kind, files in kinds)], tree)


def parser(node: str, bundle: Path, tree: Tree) -> str:
    """GitHub's own parser: syntax, expressions, inputs of our actions and of reusable workflows."""
    words = [node, str(bundle), OWN, str(tree.root), *tree.workflows, *tree.actions]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return "".join(_lines(done.stdout))


def _lines(answer: str) -> Iterator[str]:
    for found in json.loads(answer):
        yield f"{found['file']}:{found['line']}: {found['message']}\n"
