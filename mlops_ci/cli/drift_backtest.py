"""`mlops-ci drift backtest`: thresholds chosen instead of guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.errors import UsageError
from mlops_ci.io import files
from mlops_ci.records.backtest import Backtest, Suggestion
from mlops_ci.report.clean import plain
from mlops_ci.report.drift_text import short
from mlops_ci.report.numbers import number, share


def lines(found: Backtest, needed: int) -> Iterator[str]:
    """When it would have fired, what chance does, and each column over time."""
    yield f"{found.model}: {len(found.windows)} windows"
    for name, rows, state, part in zip(found.windows, found.rows, found.states, found.shares, strict=True):
        yield f"  {plain(short(name))[:34]:<36}{rows:>12,}{share(part):>9}  {state}"
    if found.fired:
        for item in found.fired:
            yield f"  fires at {plain(short(item.window))}, and stays for {item.lasted} windows"
    else:
        yield f"  never fires: no {needed} windows in a row breach"
    if found.shuffled:
        rate = share(found.false_alarms / found.shuffled)
        yield f"  false alarms: {found.false_alarms} of {found.shuffled} shuffled windows breach ({rate})"
    elif "fine" in found.states:
        yield "  false alarms: not known, since no shuffled windows were drawn"
    else:
        yield "  false alarms: not known, since no window is fine"
    yield f"  {'column':<24}{'least':>9}{'median':>9}{'most':>9}{'ordinary':>9}{'limit':>9}"
    for column in found.columns:
        if column.values:
            ordered = sorted(column.values)
            cells = (ordered[0], ordered[len(ordered) // 2], ordered[-1])
            told = "".join(f"{number(value):>9}" for value in cells)
            yield f"  {plain(column.name)[:22]:<24}{told}{number(column.noise):>9}{number(column.threshold):>9}"
    if found.suggestion is not None:
        yield from suggested(found.suggestion)


def suggested(found: Suggestion) -> Iterator[str]:
    """What --suggest says."""
    if found.nothing:
        yield "  suggested: nothing, all thresholds are above what is ordinary"
    for name, value in found.columns.items():
        yield f"  suggested: drift.columns.{plain(name)}: {value:g}"
    if found.prediction_threshold is not None:
        yield f"  suggested: drift.prediction_threshold: {found.prediction_threshold:g}"


def thresholds(given: Sequence[str]) -> dict[str, float]:
    """NAME=VALUE, several times. Raises UsageError."""
    found = {}
    for item in given:
        name, _, value = item.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = -1.0
        if not name or not 0 <= found[name] < float("inf"):
            raise UsageError(f"--threshold '{item}' is not NAME=VALUE", hint="e.g. --threshold dep_delay=0.2")
    return found


def write(session: Session, model: Model, found: Suggestion) -> Path:
    """Put the thresholds into mlops.yaml, with its comments. Raises UsageError where they can't be put in one line."""
    path = session.config.path
    text = path.read_text("utf-8")
    files.write_text(path, edited(text, session.config.line(f"models.{model.name}.drift"), found))
    return path


def edited(text: str, line: int, found: Suggestion) -> str:
    """The file with the keys below the `drift:` that stands in `line` (from 1). Raises UsageError for a `drift` that is
    written as `{…}`, or has these keys already: then it is for a person to do."""
    rows = text.splitlines(keepends=True)
    head = rows[line - 1] if 0 < line <= len(rows) else ""
    if head.split("#")[0].rstrip() != f"{head[: len(head) - len(head.lstrip())]}drift:":
        raise UsageError(
            "'drift' is not written as a block of its own, so that nothing is written to it",
            hint="write 'drift:' and its keys in lines of their own, or copy what was suggested",
            docs="drift.md#backtest",
        )
    below = _below(rows, line)
    inner = rows[line][: len(rows[line]) - len(rows[line].lstrip())]
    raised = {"columns": bool(found.columns), "prediction_threshold": found.prediction_threshold is not None}
    for key in (name for name, is_raised in raised.items() if is_raised):
        if any(row.startswith(f"{inner}{key}:") for row in rows[line:below]):
            raise UsageError(
                f"'drift.{key}' is set already, so that nothing is written to it",
                hint="remove it and run again, or copy what was suggested",
                docs="drift.md#backtest",
            )
    added = []
    if found.prediction_threshold is not None:
        added.append(f"{inner}prediction_threshold: {found.prediction_threshold:g}\n")
    if found.columns:
        added.append(f"{inner}columns:\n")
        added += [f"{inner}  {_quoted(name)}: {value:g}\n" for name, value in found.columns.items()]
    return "".join([*rows[:line], *added, *rows[line:]])


def _below(rows: list[str], line: int) -> int:
    """Where the block that begins in `line` ends."""
    indent = len(rows[line - 1]) - len(rows[line - 1].lstrip())
    for place in range(line, len(rows)):
        row = rows[place]
        if row.strip() and not row.lstrip().startswith("#") and len(row) - len(row.lstrip()) <= indent:
            return place
    return len(rows)


def _quoted(name: str) -> str:
    """A column's name as a YAML key: between quotes, unless it is a plain word."""
    import json

    return (
        name
        if name.isidentifier() and name not in ("y", "n", "yes", "no", "on", "off", "true", "false")
        else json.dumps(name)
    )
