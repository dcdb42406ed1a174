"""Gates, fail closed: what could not be checked is red, and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from mlops_ci.config.types import Gate, Model, Override
from mlops_ci.errors import ConfigError
from mlops_ci.evaluation.verdict import satisfies
from mlops_ci.records import Check, Severity, Status
from mlops_ci.records.evaluation import MetricResult, SliceResult


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the gates look at. `metrics` by name; `missing` says why a metric has no value. `against` holds, for an
    environment and a gate's index, the comparison at that gate's confidence and margin, or why there is none."""

    metrics: Mapping[str, MetricResult]
    missing: Mapping[str, str]
    against: Mapping[int, MetricResult | str]
    slices: Sequence[SliceResult]
    first: bool
    overlap: int | None
    model_bytes: int


def name_of(gate: Gate) -> str:
    """A gate's name: its own, or made from what it asks."""
    if gate.name:
        return gate.name
    if gate.against:
        return f"{gate.metric} vs {gate.against}"
    sides = [f">= {gate.min:g}" if gate.min is not None else "", f"<= {gate.max:g}" if gate.max is not None else ""]
    return f"{gate.metric} {' and '.join(side for side in sides if side)}"


def check_gates(
    model: Model, found: Measured, *, where: str, lines: Mapping[int, str], today: date
) -> tuple[Check, ...]:
    """Every check of the evaluation, overrides applied. Raises ConfigError for an override that is expired or
    names no gate."""
    assert model.evaluate is not None
    checks = [_gate(gate, index, found, lines.get(index, where)) for index, gate in enumerate(model.evaluate.gates)]
    checks += [*_slice_checks(model, found, where), *_overlap(model, found, where), *_serving(model, found, where)]
    if found.first and model.evaluate.first_model != "allow":
        hint = "set evaluate.first_model: allow for the first model"
        checks.append(_red("champion", f"there is no champion to compare with; {hint}", where))
    if not model.evaluate.gates:
        checks.append(_red("gates", "no gates are configured, so nothing was decided", where, Severity.WARN))
    return _overridden(checks, model.overrides, today)


def _gate(gate: Gate, index: int, found: Measured, where: str) -> Check:
    severity = Severity(gate.severity)
    name = name_of(gate)
    if gate.metric in found.missing:
        return _red(name, f"{gate.metric} has no value: {found.missing[gate.metric]}", where, severity)
    if gate.against:
        return _against(gate, found.against.get(index, "it was not compared"), name, where, found.first)
    value = found.metrics[gate.metric].candidate.value
    if value is None:
        return _red(name, f"{gate.metric} has no value", where, severity)
    low_enough = gate.max is None or value <= gate.max
    high_enough = gate.min is None or value >= gate.min
    return Check(
        name=name,
        status=Status.PASSED if low_enough and high_enough else Status.FAILED,
        severity=severity,
        message=f"{gate.metric} is {value:.4f}",
        expected=name.removeprefix(f"{gate.metric} "),
        observed=f"{value:.4f}",
        where=where,
    )


def _against(gate: Gate, compared: MetricResult | str, name: str, where: str, first: bool) -> Check:
    severity = Severity(gate.severity)
    if isinstance(compared, str):
        if first:
            return Check(
                name=name,
                status=Status.PASSED,
                severity=severity,
                message="there is no champion yet; this is the first model",
                where=where,
            )
        return _red(name, compared, where, severity)
    if compared.verdict is None or compared.difference is None or compared.difference.low is None:
        return _red(name, f"{gate.metric} has no interval, so nothing is proven", where, severity)
    difference = compared.difference
    passed = satisfies(compared.verdict, gate.require)
    text = f"{compared.verdict.value}: {difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"
    if not passed and compared.rows_needed is not None and compared.verdict.value == "inconclusive":
        text += f"; about {compared.rows_needed:,} holdout rows would settle it"
    return Check(
        name=name,
        status=Status.PASSED if passed else Status.FAILED,
        severity=severity,
        message=text,
        expected=f"{gate.require}, margin {gate.margin:g}, confidence {gate.confidence:g}",
        observed=text,
        where=where,
    )


def _slice_checks(model: Model, found: Measured, where: str) -> list[Check]:
    """One check a cut: red where a slice is worse than allowed."""
    assert model.evaluate is not None
    checks = []
    for cut in model.evaluate.slices:
        parts = [item for item in found.slices if item.by == cut.by and item.metric == cut.metric]
        bad = [item for item in parts if item.failed]
        name = f"slices by {cut.by}: {cut.metric}"
        severity = Severity(cut.severity)
        tested = sum(item.tested for item in parts)
        if found.first:
            checks.append(
                Check(name=name, status=Status.PASSED, severity=severity, message="no champion yet", where=where)
            )
        elif bad:
            worst = bad[0]
            text = f"{len(bad)} of {tested} slices dropped by more than {cut.max_drop:g}; worst: {worst.value}"
            checks.append(_red(name, f"{text} ({worst.drop:+.4f})", where, severity))
        elif tested == 0:
            text = f"no slice has {cut.min_rows:,} rows and a value for both models; nothing was tested"
            checks.append(_red(name, text, where, severity))
        else:
            text = f"none of {tested} slices dropped by more than {cut.max_drop:g}"
            checks.append(Check(name=name, status=Status.PASSED, severity=severity, message=text, where=where))
    return checks


def _overlap(model: Model, found: Measured, where: str) -> list[Check]:
    assert model.evaluate is not None
    name = "holdout apart from training data"
    if found.overlap is None:
        text = "there is no training data here to compare with; name it in train.data"
        return [_red(name, text, where, Severity.WARN)]
    if found.overlap == 0:
        return [Check(name=name, status=Status.PASSED, message="no row is in both", where=where)]
    text = f"{found.overlap:,} holdout rows are training rows too"
    severity = Severity.WARN if model.evaluate.allow_overlap else Severity.FAIL
    return [_red(name, text, where, severity)]


def _serving(model: Model, found: Measured, where: str) -> list[Check]:
    assert model.evaluate is not None
    limits = model.evaluate.serving
    if limits is None:
        return []
    checks = []
    if limits.size_mb is not None:
        size = found.model_bytes / 1e6
        checks.append(
            Check(
                name="serving size_mb",
                status=Status.PASSED if size <= limits.size_mb else Status.FAILED,
                message=f"the model has {size:.1f} MB",
                expected=f"<= {limits.size_mb:g}",
                observed=f"{size:.1f}",
                where=where,
            )
        )
    for key in ("p99_ms", "memory_mb"):
        if getattr(limits, key) is not None:
            text = "needs the model server, which comes with a later version: remove the key, or override this check"
            checks.append(_red(f"serving {key}", text, where))
    return checks


def _red(name: str, message: str, where: str, severity: Severity = Severity.FAIL) -> Check:
    return Check(name=name, status=Status.FAILED, severity=severity, message=message, where=where)


def _overridden(checks: Sequence[Check], overrides: Sequence[Override], today: date) -> tuple[Check, ...]:
    names = {check.name for check in checks}
    waived: dict[str, str] = {}
    for override in overrides:
        if override.gate not in names:
            known = ", ".join(sorted(names))
            raise ConfigError(
                f"an override names no gate: '{override.gate}'", hint=f"gates: {known}", docs="evaluation.md#overrides"
            )
        if date.fromisoformat(override.expires) < today:
            raise ConfigError(
                f"the override of '{override.gate}' expired on {override.expires}",
                hint="remove it, or decide anew and give it a later day",
                docs="evaluation.md#overrides",
            )
        waived[override.gate] = f"{override.reason} ({override.author}, until {override.expires})"
    return tuple(
        replace(check, override=waived[check.name])
        if check.name in waived and check.status is not Status.PASSED
        else check
        for check in checks
    )
