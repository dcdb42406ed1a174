"""Keep with a run what production will be compared with: a sample of its training data and answers, and summaries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Model
from mlops_ci.errors import BackendError, DataError, UsageError
from mlops_ci.io import files
from mlops_ci.ports.drift import TrainingData, WatchJob, WatchScorer
from mlops_ci.ports.holdouts import HoldoutColumns, Holdouts
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Tracker
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.reference import Importance, Reference
from mlops_ci.stages.stored import bring_model

FOLDER = "drift"
SUMMARY, SAMPLE = "reference.json", "sample.parquet"
VERSION = 1
CURE = "mlops-ci drift reference --model {model}"
DOCS = "drift.md#the-reference"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What making a reference needs. `interpreter` finds the Python that the run was trained in, when it is needed;
    `scratch` is a folder of this model alone, and `log` is for what the model prints."""

    tracker: Tracker
    data: TrainingData
    scorer: WatchScorer
    holdouts: Holdouts
    interpreter: Callable[[], Interpreter]
    scratch: Path
    log: Path


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A reference that was brought: what it says, and its sample."""

    reference: Reference
    sample: Path


def training_files(model: Model) -> list[Path]:
    """The training data: `train.data`, or else the validated files, without the holdout. Raises DataError for what is
    not there, UsageError where none is named."""
    named = model.train.data or tuple(item.data for item in model.validate if "://" not in item.data)
    holdout = model.at(model.evaluate.holdout).resolve() if model.evaluate else None
    found: list[Path] = []
    for name in named:
        fits = [path for path in sorted(model.directory.glob(name)) if path.resolve() != holdout]
        if not fits and model.at(name).resolve() != holdout:
            raise DataError(f"the training data '{name}' is not here", hint="'dvc pull' or 'dvc repro' brings it")
        found += [item for path in fits for item in (_within(path) if path.is_dir() else [path])]
    if not found:
        raise UsageError(
            f"{model.name} names no training data to compare production with",
            hint="add it under train.data",
            docs=DOCS,
        )
    return list(dict.fromkeys(found))


def _within(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith((".parquet", ".pq", ".csv", ".csv.gz")))


def make_reference(model: Model, run_id: str, model_digest: str, *, desk: Desk, say: Say) -> Reference:
    """Summarise, sample, ask the model, and store. Made again it is the same.

    Raises DataError where the data is not here or no table, StageFailed where the model does not answer.
    """
    data = training_files(model)
    folder = desk.scratch / "made"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    directory = bring_model(run_id, model_digest, folder, tracker=desk.tracker, untouched="no reference was kept")
    say(f"summarising {', '.join(path.name for path in data[:3])}{' …' if data[3:] else ''}")
    summary = desk.data.summarise(
        data,
        sample=folder / "rows.parquet",
        rows=model.drift.sample,
        seed=model.drift.seed,
    )
    say("measuring what each column is worth")
    found = _asked(model, directory, folder, desk)
    label = model.evaluate.label if model.evaluate else ""
    inputs = tuple(map(str, found["inputs"]))
    wanted = {*inputs, label} - set(model.redact)
    sampled = desk.data.keep(
        folder / "rows.parquet",
        folder / "answers.parquet",
        columns=[item.name for item in summary.columns if item.name in wanted],
        predictions=found["predictions"],
        positive=found["positive"],
        into=folder / SAMPLE,
    )
    reference = Reference(
        model=model.name,
        model_digest=model_digest,
        version=VERSION,
        label=label,
        data=tuple(path.relative_to(model.directory).as_posix() for path in data),
        rows=summary.rows,
        sampled=sampled,
        seed=model.drift.seed,
        duplicates=summary.duplicates,
        columns=tuple(item for item in summary.columns if item.name in wanted),
        predictions=tuple(found["predictions"]),
        inputs=inputs,
        importance=tuple(_importance(found.get("importance", {}))),
        loss=found.get("loss"),
        loss_name=found.get("loss_name", ""),
        notes=tuple(_notes(model, found)),
    )
    _store(reference, run_id, folder, desk)
    return reference


def _asked(model: Model, directory: Path, folder: Path, desk: Desk) -> Mapping[str, Any]:
    evaluate = model.evaluate
    holdout = model.at(evaluate.holdout).resolve() if evaluate else None
    holdout = holdout if holdout is not None and holdout.exists() else None
    classes, positive = _classes(model, desk) if holdout is not None else ((), "")
    job = WatchJob(
        task=model.task,
        label=evaluate.label if evaluate else "",
        group=evaluate.group if evaluate else "",
        positive=positive,
        model_directory=directory.resolve(),
        sample=folder / "rows.parquet",
        predictions=folder / "answers.parquet",
        classes=classes,
        holdout=holdout,
        seed=model.drift.seed,
    )
    empty = folder / "empty"
    empty.mkdir()
    timeout = evaluate.timeout if evaluate else 3600.0
    told = desk.scorer.watch(job, interpreter=desk.interpreter(), cwd=empty, log=desk.log, timeout=timeout)
    return {**told, "positive": positive}


def _classes(model: Model, desk: Desk) -> tuple[tuple[str, ...], str]:
    """(classes, the positive one) of the holdout, as evaluation has them."""
    from mlops_ci.stages.contest import in_order, positive_of

    assert model.evaluate is not None
    if model.task != "classification":
        return (), ""
    columns = HoldoutColumns(label=model.evaluate.label)
    rows = desk.holdouts.read(model.at(model.evaluate.holdout), columns, task=model.task)
    classes = in_order(rows.label.names)
    return classes, positive_of(model.evaluate, classes) if classes else ""


def _importance(found: Mapping[str, float | None]) -> Iterator[Importance]:
    """Shares of the rises; what falls is worth nothing."""
    total = sum(max(0.0, value) for value in found.values() if value is not None)
    for column, value in found.items():
        share = None if value is None else max(0.0, value) / total if total else 0.0
        yield Importance(column=column, loss=value, share=share)


def _notes(model: Model, found: Mapping[str, Any]) -> Iterator[str]:
    if "importance" not in found:
        yield "there was no holdout, so no column's importance is known"
    elif not found["whole"]:
        yield "there was no time to shuffle every column as often as meant; its importance is less certain"
    if hidden := sorted(set(found["inputs"]) & set(model.redact)):
        yield f"not watched, since they are redacted: {', '.join(hidden)}"


def _store(reference: Reference, run_id: str, folder: Path, desk: Desk) -> None:
    """The summary goes up last: a reference is whole or absent."""
    files.write_json(folder / SUMMARY, encode(reference))
    desk.tracker.store(run_id, f"{FOLDER}/{SAMPLE}", folder / SAMPLE)
    desk.tracker.store(run_id, f"{FOLDER}/{SUMMARY}", folder / SUMMARY)


def kept(run_id: str, into: Path, *, tracker: Tracker) -> bool:
    """Whether a run has a reference that this version reads."""
    summary = tracker.fetch(run_id, f"{FOLDER}/{SUMMARY}", into)
    return summary is not None and _read(summary) is not None


def bring_reference(model: Model, run_id: str, model_digest: str, into: Path, *, tracker: Tracker) -> Kept:
    """The reference of a run. Raises BackendError, with the command that makes one, where there is none."""
    folder: Path | None = into / run_id / FOLDER
    reference = _read(into / run_id / FOLDER / SUMMARY) if (into / run_id / FOLDER / SAMPLE).exists() else None
    if reference is None or reference.model_digest != model_digest:
        folder = _fetched(run_id, into, tracker)
        reference = _read(folder / SUMMARY) if folder is not None and (folder / SAMPLE).exists() else None
    if reference is None or folder is None:
        what = "keeps no reference" if folder is None else "keeps a reference of another version of mlops-ci"
        raise BackendError(
            f"the champion of {model.name} {what}, so there is nothing to compare production with",
            hint=CURE.format(model=model.name),
            docs=DOCS,
        )
    if reference.model_digest != model_digest:
        raise BackendError(
            f"the reference of run {run_id} is about another model", hint=CURE.format(model=model.name), docs=DOCS
        )
    return Kept(reference=reference, sample=folder / SAMPLE)


def _fetched(run_id: str, into: Path, tracker: Tracker) -> Path | None:
    """Brought beside and renamed: what a kill leaves half-brought is never taken for the whole."""
    beside, place = into / f"{run_id}.new", into / run_id
    for old in (beside, place):
        shutil.rmtree(old, ignore_errors=True)
    found = tracker.fetch(run_id, FOLDER, beside)
    if found is None:
        return None
    beside.rename(place)
    return place / found.relative_to(beside)


def _read(path: Path) -> Reference | None:
    try:
        document = json.loads(path.read_text("utf-8"))
        return decode(Reference, document) if document.get("version") == VERSION else None
    except (OSError, ValueError, CodecError, AttributeError):
        return None
