"""Drift results as Prometheus metrics, in the text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_ci.records.codec import decode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.results import StageResult, Status
from mlops_ci.report.drift_text import last

HELP = {
    "mlops_ci_drift_last_run_seconds": "When the drift job last gave an answer, in seconds since 1970.",
    "mlops_ci_drift_ok": "1 where the drift job could give an answer, 0 where it failed.",
    "mlops_ci_drift_breach": "1 where enough windows in a row breach, else 0.",
    "mlops_ci_drift_consecutive": "Windows in a row that breach.",
    "mlops_ci_drift_band": "How bad the breach is, from 1 to 3; 0 without one.",
    "mlops_ci_drift_share": "Share of the columns that drifted in the newest window.",
    "mlops_ci_drift_rows": "Rows of the newest window.",
    "mlops_ci_drift_column": "Distance of a column from the reference in the newest window.",
    "mlops_ci_drift_prediction": "Distance of the predictions from the reference in the newest window.",
    "mlops_ci_drift_metric": "The metric on the labelled rows of the newest window.",
    "mlops_ci_drift_metric_low": "The lower end of its interval.",
    "mlops_ci_drift_metric_high": "The upper end of its interval.",
}
Sample = tuple[str, Mapping[str, str], float]


def render(results: Sequence[StageResult], *, now: float) -> str:
    """All results; `now` is in seconds since 1970. Samples of one metric stand together, as the format asks."""
    samples = [sample for result in results for sample in _samples(result, now)]
    lines: list[str] = []
    for name, text in HELP.items():
        some = [item for item in samples if item[0] == name]
        if some:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(labels)}}} {value!r}" for _, labels, value in some]
    return "\n".join(lines) + "\n"


def answered(result: StageResult) -> bool:
    """Whether the drift job could give an answer."""
    return result.status in (Status.PASSED, Status.FAILED, Status.SKIPPED) and result.failure is None


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _samples(result: StageResult, now: float) -> Iterator[Sample]:
    model = {"model": result.model}
    yield "mlops_ci_drift_ok", model, float(answered(result))
    if not answered(result):
        return
    yield "mlops_ci_drift_last_run_seconds", model, float(now)
    if result.details:
        yield from _answer(decode(DriftDetails, result.details), model)


def _answer(details: DriftDetails, model: Mapping[str, str]) -> Iterator[Sample]:
    signal, newest = details.signal, last(details)
    about = {**model, "environment": details.environment, "version": details.version}
    yield "mlops_ci_drift_breach", about, float(signal.breach)
    yield "mlops_ci_drift_consecutive", about, float(signal.consecutive)
    yield "mlops_ci_drift_band", about, float(signal.band)
    if newest is None:
        return
    yield "mlops_ci_drift_share", about, newest.share
    yield "mlops_ci_drift_rows", about, float(newest.rows)
    for name, items in (("column", newest.columns), ("prediction", newest.predictions)):
        for item in items:
            if item.value is not None:
                yield f"mlops_ci_drift_{name}", {**about, "column": item.name, "method": item.method}, item.value
    decay = newest.decay
    if decay is not None and decay.current is not None and decay.current.value is not None:
        named = {**about, "metric": decay.metric}
        yield "mlops_ci_drift_metric", named, decay.current.value
        for end, value in (("low", decay.current.low), ("high", decay.current.high)):
            if value is not None:
                yield f"mlops_ci_drift_metric_{end}", named, value
