"""Gates, fail closed: what could not be checked is red, and says why."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.config.types import Gate, Slice
from mlops_ci.evaluation.verdict import satisfies
from mlops_ci.ports.holdouts import Overlap
from mlops_ci.records.evaluation import MetricResult
from mlops_ci.records.results import Check, Severity, Status, Verdict
from mlops_ci.stages.contest import Contest
from mlops_ci.stages.measuring import Measured
from mlops_ci.stages.rules import CHAMPION, FORMATS, HOLDOUT, OVERLAP, Rules, environments_of, label_of, name_of
from mlops_ci.stages.served import Looked, Served
from mlops_ci.stages.signature_gate import signature_check

GATES = "gates"
NOT_LOADED = "the candidate was not loaded"


def unchecked(rules: Rules, reason: str) -> tuple[Check, ...]:
    """Every gate where nothing could be measured: the holdout is red, and so is whatever needed it."""
    return (_check(HOLDOUT, Status.FAILED, reason, rules.where("holdout")), *_skipped(rules, reason))


def unloaded(rules: Rules, looked: Looked) -> tuple[Check, ...]:
    """Every gate where the candidate was not loaded: that of its files is red, and nothing else was asked."""
    return (
        _formats(rules, looked),
        *(check for check in _skipped(rules, NOT_LOADED) if check.name != FORMATS),
    )


def _skipped(rules: Rules, reason: str) -> Iterator[Check]:
    asked = [(name, gate.severity, place) for name, gate, place in rules.gates]
    asked += [(name, item.severity, place) for name, item, place in rules.slices]
    asked += [(name, Severity.FAIL.value, place) for name, place in rules.of_serving]
    for name, severity, place in asked:
        yield _check(name, Status.SKIPPED, f"not checked: {reason}", place, Severity(severity))


def check_gates(rules: Rules, contest: Contest, found: Measured, overlap: Overlap, served: Served) -> tuple[Check, ...]:
    """Every check of the evaluation, before overrides."""
    rows = f"{contest.problem.rows:,} rows"
    classes = f" of {len(contest.problem.classes)} classes" if contest.problem.classes else ""
    return (
        _check(HOLDOUT, Status.PASSED, rows + classes, rules.where("holdout")),
        _overlap(rules, overlap),
        *_champions(rules, contest),
        *(_gate(name, gate, place, index, contest, found) for index, (name, gate, place) in enumerate(rules.gates)),
        *(_slice(name, item, place, contest, found) for name, item, place in rules.slices),
        *_serving(rules, served),
        *signature_check(rules, contest, served.signatures),
        *_none_asked(rules),
    )


def _none_asked(rules: Rules) -> Iterator[Check]:
    """Green without a single gate says nothing about the model; that is worth a warning."""
    if not rules.gates and not rules.slices:
        text = "none is configured, so nothing about the metrics was decided"
        yield _check(GATES, Status.SKIPPED, text, rules.where("gates"), Severity.WARN)


def _gate(name: str, gate: Gate, place: str, index: int, contest: Contest, found: Measured) -> Check:
    severity = Severity(gate.severity)
    if gate.metric in found.missing:
        return _check(name, Status.ERROR, f"{gate.metric} has no value: {found.missing[gate.metric]}", place, severity)
    if gate.against:
        return _against(name, gate, place, found.against.get(index, "it was not compared"), contest)
    value = found.metrics[gate.metric].candidate.value
    if value is None:
        return _check(name, Status.ERROR, f"{gate.metric} has no value", place, severity)
    fits = (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)
    return Check(
        name=name,
        status=Status.PASSED if fits else Status.FAILED,
        severity=severity,
        message=f"{gate.metric} is {value:.6g}",
        expected=name_of(gate) if not gate.name else "",
        observed=f"{value:.6g}",
        where=place,
    )


def _against(name: str, gate: Gate, place: str, compared: MetricResult | str, contest: Contest) -> Check:
    severity = Severity(gate.severity)
    if isinstance(compared, str):
        if contest.opponents[gate.against].version is None:
            return _without_champion(name, place, compared, severity)
        return _check(name, Status.ERROR, compared, place, severity)
    difference = compared.difference
    if compared.verdict is None or difference is None or difference.low is None or difference.high is None:
        why = f": {compared.reason}" if compared.reason else ""
        text = f"{gate.metric} has no interval, so nothing is proven{why}"
        return _check(name, Status.ERROR, text, place, severity)
    passed = satisfies(compared.verdict, gate.require)
    text = f"{compared.verdict.value}: {difference.value:+.4g} [{difference.low:+.4g}, {difference.high:+.4g}]"
    return Check(
        name=name,
        status=Status.PASSED if passed else Status.FAILED,
        severity=severity,
        message=text if passed else text + settled(compared, contest.problem.rows),
        expected=f"{gate.require}, margin {gate.margin:g}, confidence {gate.confidence:g}",
        observed=text,
        where=place,
    )


def settled(compared: MetricResult, rows: int) -> str:
    """How many rows would settle what is inconclusive."""
    if compared.verdict is not Verdict.INCONCLUSIVE:
        return ""
    if compared.rows_needed is None:
        return "; no number of rows would settle it, if the difference is what it seems"
    return f"; about {max(compared.rows_needed, rows + 1):,} holdout rows would settle it (there are {rows:,})"


def _without_champion(name: str, place: str, reason: str, severity: Severity) -> Check:
    """There is nothing to compare with. Whether that is red is told by the check `champion` alone."""
    return _check(name, Status.SKIPPED, f"not checked: {reason}", place, Severity.WARN)


def _champions(rules: Rules, contest: Contest) -> Iterator[Check]:
    """One check for each environment without a champion, or with one that nothing can be compared with."""
    evaluate = rules.model.evaluate
    assert evaluate is not None
    place = rules.where("first_model")
    for environment in environments_of(rules.model):
        opponent = contest.opponents[environment]
        if opponent.version is None and evaluate.first_model == "allow":
            text = f"there is none in {environment} yet: this is the first model (first_model: allow)"
            yield _check(CHAMPION, Status.PASSED, text, place)
        elif opponent.version is None:
            text = f"there is none in {environment}; 'first_model: allow' under 'evaluate:' accepts a first model"
            yield _check(CHAMPION, Status.FAILED, text, place)
        elif opponent.broken:
            yield _check(CHAMPION, Status.ERROR, opponent.broken, place, _wanted(rules, contest, environment))


def _wanted(rules: Rules, contest: Contest, environment: str) -> Severity:
    """A champion that only warnings need is a warning itself; one that nothing names is needed all the same."""
    evaluate = rules.model.evaluate
    assert evaluate is not None
    asked = [gate.severity for gate in evaluate.gates if gate.against == environment]
    asked += [item.severity for item in evaluate.slices if environment == contest.main.environment]
    return Severity.WARN if asked and Severity.FAIL.value not in asked else Severity.FAIL


def _slice(name: str, cut: Slice, place: str, contest: Contest, found: Measured) -> Check:
    """One check a cut: red where a slice is worse than allowed, and where one that is large enough has no answer."""
    severity = Severity(cut.severity)
    if contest.main.version is None:
        return _without_champion(name, place, "there is no champion", severity)
    if contest.main.scores is None:
        return _check(name, Status.ERROR, contest.main.broken, place, severity)
    parts = [item for item in found.slices if item.by == label_of(cut) and item.metric == cut.metric]
    bad = [item for item in parts if item.failed]
    tested = sum(item.tested for item in parts)
    unknown = [item for item in parts if item.rows >= cut.min_rows and not item.tested]
    if bad:
        worst = f"worst: {bad[0].value} ({cut.metric} worse by {bad[0].drop:.4g} on {bad[0].rows:,} rows)"
        text = f"{len(bad)} of {tested} slices are worse by more than {cut.max_drop:g}; {worst}"
        return _check(name, Status.FAILED, text, place, severity)
    if unknown:
        what = "interval" if unknown[0].drop is not None and unknown[0].reason else "value"
        why = f" ({unknown[0].reason})" if unknown[0].reason else ""
        text = (
            f"{cut.metric} has no {what} in {len(unknown)} slices that are large enough, e.g. {unknown[0].value}{why}"
        )
        return _check(name, Status.ERROR, f"{text}: raise min_rows, or choose another metric", place, severity)
    if tested == 0:
        text = f"no slice has {cut.min_rows:,} rows, so nothing was tested: lower min_rows"
        return _check(name, Status.ERROR, text, place, severity)
    text = f"none of {tested} slices is worse by more than {cut.max_drop:g}"
    return _check(name, Status.PASSED, text, place, severity)


def _overlap(rules: Rules, overlap: Overlap) -> Check:
    """Red where a row is shared, and where training data that the config names was not looked into."""
    evaluate = rules.model.evaluate
    assert evaluate is not None
    place, looked = rules.where("holdout"), ", ".join(overlap.compared)
    if overlap.rows:
        text = f"{overlap.rows:,} holdout rows are in {looked} too"
        if evaluate.allow_overlap:
            return _check(OVERLAP, Status.FAILED, f"{text} (allow_overlap)", place, Severity.WARN)
        cure = "take them out, or set 'allow_overlap: true' where equal rows are no leak"
        return _check(OVERLAP, Status.FAILED, f"{text}: {cure}", place)
    if overlap.rows == 0 and not overlap.skipped:
        return _check(OVERLAP, Status.PASSED, f"no row of it is in {looked}", place)
    required = bool(rules.model.train.data) and not evaluate.allow_overlap
    severity = Severity.FAIL if required else Severity.WARN
    return _check(OVERLAP, Status.ERROR, _not_compared(overlap, looked), place, severity)


def _not_compared(overlap: Overlap, looked: str) -> str:
    why = "; ".join(overlap.skipped)
    if overlap.rows is not None:
        return f"no row of it is in {looked}, but not all training data was compared: {why}"
    return f"there is no training data here to compare with{f' ({why})' if why else ''}; name it in train.data"


def _serving(rules: Rules, served: Served) -> Iterator[Check]:
    """Whether it can be served at all, and what that costs against its limits."""
    if rules.formats:
        yield _formats(rules, served)
    for name, key, limit, place in rules.limits:
        value, text = _cost(key, served)
        if value is None:
            yield _check(name, Status.ERROR, text, place)
            continue
        yield Check(
            name=name,
            status=Status.PASSED if value <= limit else Status.FAILED,
            message=text,
            expected=f"<= {limit:g}",
            observed=f"{value:.3g}",
            where=place,
        )


def _formats(rules: Rules, served: Looked) -> Check:
    """What the server would say at the deploy, said at the pull request."""
    place = rules.where_in_model("serving.formats")
    if served.refused is None:
        return _check(FORMATS, Status.ERROR, f"not looked at: {served.broken}", place)
    if served.refused:
        return _check(FORMATS, Status.FAILED, served.refused, place)
    return _check(
        FORMATS, Status.PASSED, f"every file is of a format that is allowed: {', '.join(rules.formats)}", place
    )


def _cost(key: str, served: Served) -> tuple[float | None, str]:
    """(what was measured, in words); None where it could not be."""
    if key == "size_mb":
        return served.model_bytes / 1e6, f"the model directory has {served.model_bytes / 1e6:.3g} MB"
    facts = served.facts
    if facts is None:
        return None, f"not measured: {served.broken}"
    if key == "memory_mb":
        return facts.memory_mb, f"its server needs {facts.memory_mb:,.0f} MB at most"
    return facts.p99_ms, f"99 % of {facts.requests:,} requests of one row took at most {facts.p99_ms:.3g} ms"


def _check(name: str, status: Status, message: str, where: str, severity: Severity = Severity.FAIL) -> Check:
    return Check(name=name, status=status, severity=severity, message=message, where=where)
