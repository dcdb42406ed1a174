"""What `mlops-ci init` finds in a repository, and what it makes of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a Python file says about itself, told without running it. Paths are as the file spells them.

    `saves` is the folder that it saves an MLflow model in ('' where it does not, or can't be told) and `saves_at` the
    line. `model` and `model_at` are the variable that was fitted, or dumped, last, and the line where that is done.
    `names` are all texts that look like files; `writes` those that it writes. `labels` are columns that it uses like a
    label, the likeliest first; `regression` is whether it fits a number.
    """

    path: str
    imports: frozenset[str] = frozenset()
    saves: str = ""
    saves_at: int = 0
    model: str = ""
    model_at: int = 0
    fits: bool = False
    names: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    regression: bool = False


@dataclass(frozen=True, kw_only=True)
class Head:
    """The columns of a table and its first rows, as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()

    def values(self, column: str) -> list[str]:
        """What stands in a column; empty cells are left out."""
        at = self.columns.index(column)
        return [row[at] for row in self.rows if at < len(row) and row[at] != ""]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """How a model is trained: a stage that is there, or one to be written around a script (`text` is the dvc.yaml).

    Paths count from the model's folder. `data` is what the stage reads, `files` every data file that is in git, kept
    by DVC or written by a stage, and `outs` what a stage that is to be written keeps out of git.
    """

    target: str
    model: str
    metrics: str = ""
    data: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    script: Script | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A folder with something to train. `choices` are its training scripts, the likeliest first; () where a pipeline
    is there."""

    folder: str
    name: str
    choices: tuple[Script, ...] = ()
    pipeline: str = ""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a model is judged by. `holdout` is '' where no rows are held out; `guessed` is how a label was found where
    nothing but its place spoke for it. `spread` is the standard deviation of a label that is a number."""

    holdout: str = ""
    label: str = ""
    task: str = "classification"
    classes: int = 0
    spread: float = 0.0
    guessed: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the mlops.yaml that is written. `training` is the table it learns from, and `suite` its first
    suite; '' where there is none."""

    name: str
    folder: str
    pipeline: Pipeline
    judged: Judged
    training: str = ""
    suite: str = ""
    environment: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A file as it shall be. `kind`: `new` is never written over one that is there; `lines` adds what it lacks to one;
    `merged` replaces the content `before`."""

    path: str
    text: str
    kind: str = "new"
    before: str | None = None


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is to be written, in this order; what is there already; what is there and differs, with why it matters;
    and what only a person can do."""

    drafts: tuple[Draft, ...] = ()
    present: tuple[str, ...] = ()
    differing: Mapping[str, str] = field(default_factory=dict)
    advice: tuple[str, ...] = ()
