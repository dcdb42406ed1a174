"""What a model is judged by: the rows that training never sees, the column with the truth, and what kind of truth."""

from __future__ import annotations

import posixpath
import re
import statistics
from collections.abc import Sequence

from mlops_ci.config.sane import nameable
from mlops_ci.records.setting_up import Head, Judged, Pipeline

HELD_OUT = ("holdout", "hold_out", "test", "eval", "valid", "val", "dev")
USUAL = ("label", "target", "y", "class", "outcome", "churn", "churned", "default", "price")
MANY_CLASSES = 20


def holdouts(pipeline: Pipeline) -> tuple[str, ...]:
    """Tables whose name says that they are held out, the likeliest first."""
    rated = [(rate, path) for path in pipeline.files if (rate := _rate(path)) is not None]
    return tuple(path for _, path in sorted(rated))


def training_data(pipeline: Pipeline, holdout: str) -> str:
    """The table that the model learns from; '' where none is known."""
    read = [path for path in pipeline.data if path != holdout and _rate(path) is None]
    rest = [path for path in pipeline.files if path != holdout and _rate(path) is None]
    named = [path for path in (*read, *rest) if "train" in posixpath.basename(path).lower()]
    return next(iter([*named, *read]), "")


def labels(pipeline: Pipeline, head: Head | None) -> tuple[str, ...]:
    """Columns that may hold the truth, the likeliest first: those that the script takes for one, the usual names, the
    last one. None that no mlops.yaml can name."""
    used = pipeline.script.labels if pipeline.script else ()
    if head is None or not head.columns:
        return tuple(filter(nameable, used[:1]))
    columns = head.columns
    usual = [column for name in USUAL for column in columns if column.lower() == name]
    found = dict.fromkeys([*(name for name in used if name in columns), *usual, columns[-1]])
    return tuple(filter(nameable, found))


def judged(pipeline: Pipeline, holdout: str, label: str, head: Head | None) -> Judged:
    """Classes or numbers, as the first rows have them, or as the script fits them."""
    used = pipeline.script.labels if pipeline.script else ()
    sure = label in used or label.lower() in USUAL
    guessed = "" if sure or not label else "the last column"
    values = head.values(label) if head is not None and label in head.columns else []
    numbers = _numbers(values)
    distinct = len(set(values))
    fits_number = pipeline.script.regression if pipeline.script else False
    if values:
        whole = bool(numbers) and all(number.is_integer() for number in numbers)
        regression = bool(numbers) and (not whole or distinct > MANY_CLASSES or (fits_number and distinct > 2))
    else:
        regression = fits_number
    if not regression:
        return Judged(holdout=holdout, label=label, classes=distinct, guessed=guessed)
    spread = statistics.pstdev(numbers) if len(numbers) > 1 else 0.0
    return Judged(holdout=holdout, label=label, task="regression", spread=spread, guessed=guessed)


def _rate(path: str) -> int | None:
    """How early a table's name stands among those that are held out; None where it does not."""
    words = re.split(r"[^a-z]+", posixpath.basename(path).lower().replace("hold_out", "holdout"))
    return next((HELD_OUT.index(word) for word in HELD_OUT if word in words), None)


def _numbers(values: Sequence[str]) -> list[float]:
    """The values as numbers; none where one is something else."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return []
