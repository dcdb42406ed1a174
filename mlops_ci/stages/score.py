"""Score many rows with a release: plan the parts, do those that are missing, say what was done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlops_ci.config.types import Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.batch import BatchJob, BatchOutput, BatchRows, BatchScorer, Plan, Rows
from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.results import StageResult, Status
from mlops_ci.records.scoring import InputFile, Part, ScoreDetails
from mlops_ci.stages.scoring import Home, environment_of
from mlops_ci.stages.stored import bring_model

STAGE = "score"
PART_ROWS = 1_000_000  # a part has as many row groups as make these; killed, a run loses at most one
BATCH_CELLS = 1_000_000  # of one batch: with numbers of 8 bytes, 8 MB
FEWEST, MOST = 1_000, 250_000  # rows of a batch that is chosen by us
Kept = Callable[[Release], "tuple[Path, Interpreter] | None"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked. `batch_rows` 0: as many as the width allows."""

    model: Model
    release: Release
    rows: BatchRows
    output: BatchOutput
    batch_rows: int = 0
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What scoring needs from outside. `kept` finds a release that this machine has served; `server_code` puts the
    model server's files into a folder; `scratch` is a folder of this output alone."""

    home: Home
    scorer: BatchScorer
    kept: Kept
    server_code: Callable[[Path], object]
    scratch: Path
    workspace: Workspace


def dry_run(order: Order, *, scratch: Path) -> Iterator[str]:
    """What would be read and written, in sentences; no row is read and nothing is written."""
    files, rows = order.rows.count()
    known = f"{rows:,} rows" if rows is not None else "an unknown number of rows"
    read = f"{known} in {files:,} file{'s' if files != 1 else ''}" if files else "what the database answers"
    yield f"score {order.rows.name}: {read}, with version {order.release.version} of {order.release.model}"
    if rows is None:
        yield f"into {order.output.name}; what is done already is known once the rows are read"
        return
    planned = plan(order.release, order.rows.open({}, spool=scratch, say=lambda line: None))
    done = order.output.done(planned, overwrite=order.overwrite)
    yield f"into {order.output.name}: {len(planned.parts):,} parts, {len(done):,} of them are done already"


def plan(release: Release, rows: Rows) -> Plan:
    """The parts of these rows; the digest changes with the model, with any file, and with what is carried through."""
    read = [{"name": file.name, "size": file.size, "stamp": file.stamp} for file in rows.files]
    who = {
        "model": release.model,
        "version": release.version,
        "model_digest": release.model_digest,
        "inputs_digest": release.inputs_digest,
        "run_id": release.run_id,
    }
    document = {"release": who, "input": rows.name, "files": read, "keep": list(rows.keep)}
    found = digest_of([document, rows.schema, PART_ROWS])
    notes = {**who, "plan": found, "input": rows.name, "input_digest": digest_of(read)}
    return Plan(
        digest=found,
        parts=tuple(part for of, file in enumerate(rows.files) for part in parts_of(of, file)),
        document=document,
        notes={f"mlops_ci.{key}": value for key, value in notes.items()},
    )


def parts_of(of: int, file: InputFile) -> Iterator[Part]:
    """Row groups together until there are PART_ROWS; those without rows belong to no part."""
    groups: list[int] = []
    count = 0
    for place, size in enumerate(file.groups):
        if size and groups and sum(file.groups[group] for group in groups) + size > PART_ROWS:
            yield _part(of, count, groups, file)
            groups, count = [], count + 1
        groups += [place] if size else []
    if groups:
        yield _part(of, count, groups, file)


def _part(of: int, count: int, groups: list[int], file: InputFile) -> Part:
    rows = sum(file.groups[group] for group in groups)
    return Part(name=f"part-{of:05}-{count:05}.parquet", of=of, groups=tuple(groups), rows=rows)


def score(order: Order, bench: Bench, *, say: Say) -> StageResult:
    """Score what is missing. Raises StaleError where the stored model is not the release's, UsageError where the output
    holds something else, DataError for rows that can't be read, StageFailed for those that can't be predicted."""
    spool = bench.scratch / "rows"
    with order.output.claim():
        directory, interpreter = bring(order.release, bench, say=say)
        try:
            rows = order.rows.open(signature_of(directory), spool=spool, say=say)
            planned = plan(order.release, rows)
            done = order.output.done(planned, overwrite=order.overwrite)
            missing = [part for part in planned.parts if part.name not in done]
            summary: Mapping[str, Any] = {}
            if missing or not order.output.complete(planned):
                order.output.begin(planned, overwrite=order.overwrite)
                if missing:
                    job = _job(order, rows, planned, missing, directory, bench)
                    summary = _run(job, interpreter(), order, bench, say)
                order.output.finish(planned, schema=rows.schema)
        except MlopsError:
            shutil.rmtree(spool, ignore_errors=True)  # whoever mends the rows wants them to be read anew
            raise
        shutil.rmtree(spool, ignore_errors=True)
    return _result(order, planned, len(done), len(rows.files), summary)


def _run(job: BatchJob, interpreter: Interpreter, order: Order, bench: Bench, say: Say) -> Mapping[str, Any]:
    """In an empty folder: a model is asked alone, as it is served."""
    left = f", {job.rows_done:,} of them are done already" if job.rows_done else ""
    say(f"scoring {job.rows_total:,} rows{left}")
    cwd = bench.scratch / "empty"
    shutil.rmtree(cwd, ignore_errors=True)
    cwd.mkdir(parents=True)
    log = bench.workspace.log_path(order.model.name, STAGE)
    try:
        return bench.scorer.batch(job, interpreter=interpreter, cwd=cwd, log=log, say=say)
    finally:
        for beside, _ in job.places:  # of a part that is whole there is nothing left beside
            Path(beside).unlink(missing_ok=True)


def _job(order: Order, rows: Rows, planned: Plan, missing: list[Part], directory: Path, bench: Bench) -> BatchJob:
    settings = {key: json.loads(value) for key, value in order.release.serving.items()}
    if settings.get("formats") is not None:
        bench.server_code(bench.scratch / "code")
    formats = settings.get("formats")
    return BatchJob(
        model_directory=directory.resolve(),
        task=order.model.task,
        code=bench.scratch / "code",
        formats=None if formats is None else tuple(formats),
        trusted=tuple(settings.get("skops_trusted", ())),
        refuse_null=bool(settings.get("refuse_nan", False)),
        rows=rows,
        parts=missing,
        places=[order.output.place_of(part) for part in missing],
        notes=planned.notes,
        batch_rows=order.batch_rows or batch_rows(rows),
        rows_done=planned.rows - sum(part.rows for part in missing),
        rows_total=planned.rows,
    )


def batch_rows(rows: Rows) -> int:
    """As many rows as make BATCH_CELLS, in the widest file."""
    width = max(len(file.names) for file in rows.files)
    return max(FEWEST, min(MOST, BATCH_CELLS // max(1, width)))


def bring(release: Release, bench: Bench, *, say: Say) -> tuple[Path, Callable[[], Interpreter]]:
    """The release's model, checked byte for byte, and its Python. What this machine keeps to serve comes first: it is
    there when the tracking server is not."""
    if (kept := bench.kept(release)) is not None:
        return kept[0], lambda: kept[1]
    say(f"bringing model {release.model_digest[:12]}")
    shutil.rmtree(bench.scratch / "model", ignore_errors=True)
    stored = bring_model(
        release.run_id,
        release.model_digest,
        bench.scratch,
        tracker=bench.home.tracker,
        untouched="no row was scored",
    )
    return stored, lambda: environment_of(release.run_id, bench.home, bench.scratch, say)


def signature_of(directory: Path) -> Mapping[str, str]:
    """column → MLflow's type, of a model with columns; {} for any other. Raises BackendError for what is no model."""
    try:
        described = yaml.safe_load((directory / "MLmodel").read_text("utf-8"))
        columns = json.loads((described.get("signature") or {}).get("inputs") or "[]")
        return {
            str(item["name"]): str(item["type"]) for item in columns if item.get("name") and item["type"] != "tensor"
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError, yaml.YAMLError):
        raise BackendError(f"{directory.name}/MLmodel is not readable as MLflow's description of a model") from None


def _result(order: Order, planned: Plan, skipped: int, files: int, summary: Mapping[str, Any]) -> StageResult:
    release, seconds = order.release, float(summary.get("seconds", 0.0))
    scored = int(summary.get("rows", 0))
    details = ScoreDetails(
        model_digest=release.model_digest,
        version=release.version,
        run_id=release.run_id,
        input=order.rows.name,
        output=order.output.name,
        plan=planned.digest,
        rows=planned.rows,
        parts=len(planned.parts),
        skipped_parts=skipped,
        files=files,
        seconds=round(seconds, 3),
        rows_per_second=round(scored / seconds, 1) if seconds else 0.0,
        load_seconds=round(float(summary.get("load_seconds", 0.0)), 3),
        model_memory_mb=summary.get("model_memory_mb"),
        peak_memory_mb=summary.get("peak_memory_mb"),
        python=str(summary.get("python", "")),
    )
    earlier = f", {skipped:,} of {len(planned.parts):,} parts were there already" if skipped else ""
    speed = f", {details.rows_per_second:,.0f} rows/s" if seconds else ""
    return StageResult(
        stage=STAGE,
        model=release.model,
        status=Status.PASSED,
        reason=f"{planned.rows:,} rows with version {release.version} into {order.output.name}{speed}{earlier}",
        outputs={"output": order.output.name, "rows": str(planned.rows), "model-digest": release.model_digest},
        details=encode(details),
    )
