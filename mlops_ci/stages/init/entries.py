"""From what was found to one model of mlops.yaml; a person is asked only what the files leave open."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mlops_ci.config.sane import nameable
from mlops_ci.digests.sources import Project
from mlops_ci.errors import UsageError, did_you_mean
from mlops_ci.records.setting_up import Entry, Found, Head, Pipeline
from mlops_ci.stages.init.judged import holdouts, judged, labels, training_data
from mlops_ci.stages.init.pipeline import pipeline_of

NONE = "none"
OWN = "expectations"


class Ask(Protocol):
    """How a person chooses."""

    def __call__(self, question: str, choices: Sequence[str], /) -> str:
        """One of the choices, of which the first is the likeliest, or another answer in a person's own words."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What was said on the command line; '' leaves it to be found."""

    holdout: str = ""
    label: str = ""
    environment: str = ""


def first(question: str, choices: Sequence[str]) -> str:
    """Nobody is asked: the likeliest."""
    return choices[0]


def entries(
    project: Project,
    found: Sequence[Found],
    *,
    wishes: Wishes,
    head: Callable[[str], Head | None],
    ask: Ask,
) -> tuple[Entry, ...]:
    """Every model. Of several, nobody is asked: what was taken is in the file, to be read and changed.

    `head` reads the first rows of a path from the repository's root. Raises UsageError where no stage trains, or where
    a wish names what is not there.
    """
    ask = ask if len(found) == 1 else first
    made = [(item, pipeline) for item in found if (pipeline := _pipeline(project, item, ask)) is not None]
    if not made:
        files = ", ".join(posixpath.join(item.folder, item.pipeline) for item in found)
        raise UsageError(
            f"no stage of {files} looks like one that trains a model",
            hint="name it 'train', or name what it writes 'model'; then run again",
            docs="get-started-github.md#what-it-looks-for",
        )
    if len(made) > 1 and (wishes.holdout or wishes.label):
        raise UsageError(
            f"--holdout and --label are about one model, and there are {len(made)}",
            hint="name one with --train, or change mlops.yaml afterwards",
        )
    return tuple(_entry(item, pipeline, wishes, head, ask) for item, pipeline in made)


def _pipeline(project: Project, item: Found, ask: Ask) -> Pipeline | None:
    if len(item.choices) > 1:
        paths = [script.path for script in item.choices]
        chosen = ask("Which script trains the model?", paths)
        known = {script.path: script for script in item.choices}
        if chosen not in known:
            raise UsageError(f"'{chosen}' is none of the scripts", hint=did_you_mean(chosen, paths, ", ".join(paths)))
        item = replace(item, choices=(known[chosen],))
    return pipeline_of(project, item)


def _entry(item: Found, pipeline: Pipeline, wishes: Wishes, head: Callable[[str], Head | None], ask: Ask) -> Entry:
    holdout = wishes.holdout or _holdout(pipeline, ask)
    training = training_data(pipeline, holdout)

    def look(path: str) -> Head | None:
        return head(posixpath.normpath(posixpath.join(item.folder, path))) if path else None

    rows = look(holdout) or look(training)
    label = wishes.label or (_label(pipeline, rows, ask) if holdout else "")
    if label and rows is not None and label not in rows.columns:
        columns = [column for column in rows.columns if column.isprintable()]
        raise UsageError(
            f"{holdout or training} has no column '{label}'",
            hint=did_you_mean(label, columns, f"it has: {', '.join(columns[:20])}"),
        )
    found = judged(pipeline, holdout, label, rows)
    if wishes.label:
        found = replace(found, guessed="")
    suite = f"{OWN}/{posixpath.basename(training).partition('.')[0]}.json"
    return Entry(
        name=item.name,
        folder=item.folder,
        pipeline=pipeline,
        judged=found,
        training=training,
        suite=suite if training else "",
        environment=wishes.environment,
    )


def _holdout(pipeline: Pipeline, ask: Ask) -> str:
    named = holdouts(pipeline)
    rest = [path for path in pipeline.files if path not in (*named, *pipeline.data)]
    if not named and not rest:
        return ""
    chosen = ask("Which rows does training never see (the holdout)?", [*(named or [NONE]), *rest])
    if chosen not in (*pipeline.files, NONE):
        raise UsageError(
            f"'{chosen}' is no table of this model",
            hint=did_you_mean(chosen, pipeline.files, f"there are: {', '.join(pipeline.files)}"),
        )
    return "" if chosen == NONE else chosen


def _label(pipeline: Pipeline, rows: Head | None, ask: Ask) -> str:
    found = labels(pipeline, rows)
    if not found:
        return ""
    others = [column for column in (rows.columns if rows else ()) if column not in found and nameable(column)]
    return ask("Which column holds the truth (the label)?", [*found, *others])
