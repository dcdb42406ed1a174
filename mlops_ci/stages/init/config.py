"""The first mlops.yaml: what was found, with the comments that a reader needs to change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_ci.records.setting_up import Entry, Judged
from mlops_ci.stages.init.pipeline import scalar as plain_scalar

SCHEMA = "https://raw.githubusercontent.com/mlops-ci/mlops-ci/{revision}/mlops_ci/config/schema.json"
TRACKING = 'tracking: {uri: "${MLFLOW_TRACKING_URI:-sqlite:///.mlops/mlflow.db}"}'
BETTER_THAN_CHANCE = 0.5


def config_text(entries: Sequence[Entry], *, revision: str, default_branch: str) -> str:
    """The file. `revision` is that of mlops-ci whose schema helps the editor; a usual default branch is not named."""
    lines = [f"# yaml-language-server: $schema={SCHEMA.format(revision=revision)}", "version: 1", TRACKING]
    if default_branch not in ("", "main", "master"):
        lines.append(f"default_branch: {scalar(default_branch)}")
    lines.append("models:")
    for entry in entries:
        lines += [f"  {entry.name}:", *(f"    {line}" for line in _model(entry))]
    return "\n".join([*lines, ""])


def scalar(text: str) -> str:
    """A text as a YAML scalar of mlops.yaml, in which no variable is replaced."""
    return plain_scalar(text.replace("${", "$${"))


def _model(entry: Entry) -> Iterator[str]:
    if entry.folder:
        yield f"path: {scalar(entry.folder)}"
    yield f"task: {entry.judged.task}"
    if entry.suite:
        yield "validate:"
        yield f"  - {{data: {scalar(entry.training)}, suite: {scalar(entry.suite)}}}"
    yield "train:"
    yield f"  target: {scalar(entry.pipeline.target)}"
    if entry.pipeline.model != "model":
        yield f"  model: {scalar(entry.pipeline.model)}"
    if entry.pipeline.metrics != "metrics.json":
        note = "" if entry.pipeline.metrics else "  # the pipeline writes none"
        yield f"  metrics: {scalar(entry.pipeline.metrics)}{note}"
    if entry.training and not entry.suite:
        yield f"  data: [{scalar(entry.training)}]"
    if entry.environment:
        yield f"  environment: {scalar(entry.environment)}"
    if entry.judged.holdout and entry.judged.label:
        yield from evaluation(entry.judged)
        yield "environments:"
        yield "  # A process on the machine that merges. Elsewhere: target docker or kserve, with build.image."
        yield "  production: {target: local}"


def evaluation(judged: Judged) -> Iterator[str]:
    """`evaluate:`: the rows, the metrics of the task, and gates that a first model can pass."""
    yield "evaluate:"
    yield f"  holdout: {scalar(judged.holdout)}"
    yield f"  label: {scalar(judged.label)}"
    yield f"  metrics: [{', '.join(metrics(judged))}]"
    yield "  gates:"
    first = metrics(judged)[0]
    if first == "roc_auc":
        yield f"    - {{metric: roc_auc, min: {BETTER_THAN_CHANCE}}}"
    yield f"    - {{metric: {first}, against: production, margin: {margin(judged)}, require: non-inferior}}"
    yield "  first_model: allow  # as long as there is no champion"


def metrics(judged: Judged) -> tuple[str, ...]:
    """The first one decides: ranking of two classes, hits of many, the size of errors."""
    if judged.task == "regression":
        return ("rmse", "mae")
    return ("roc_auc", "log_loss") if judged.classes <= 2 else ("accuracy", "log_loss")


def margin(judged: Judged) -> str:
    """How much worse still counts as not worse: half a point of a share, a hundredth of a number's spread."""
    if judged.task != "regression":
        return "0.005"
    return f"{float(f'{judged.spread / 100:.2g}'):g}" if judged.spread else "0"
