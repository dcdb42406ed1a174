"""Every metric of a contest: values, intervals, paired differences, slices, flips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_ci.config.types import Evaluate, Gate, MetricSpec, Model, Slice
from mlops_ci.errors import ConfigError
from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.few import alike, units
from mlops_ci.evaluation.flips import count_flips
from mlops_ci.evaluation.problem import Codes, Undefined
from mlops_ci.evaluation.resampled import from_replicates
from mlops_ci.evaluation.slices import Cut, assess_slices, by_quantile, rows_by_code
from mlops_ci.ports.holdouts import HoldoutColumns, HoldoutRows
from mlops_ci.ports.scoring import MeasuringJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.evaluation import Flips, Interval, MetricResult, SliceResult
from mlops_ci.records.results import Verdict
from mlops_ci.stages.contest import Contest, Opponent
from mlops_ci.stages.rules import label_of
from mlops_ci.stages.scoring import Bench

MOST_SLICES = 1000
MOST_FLIPS = 30
Replicates = Mapping[str, Mapping[str, Sequence[float | None]]]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the gates look at. `metrics` by name; `missing` says why a metric has no value. `against` holds, by a
    gate's index, the comparison at that gate's confidence and margin, or why there is none."""

    metrics: Mapping[str, MetricResult]
    missing: Mapping[str, str]
    against: Mapping[int, MetricResult | str]
    slices: Sequence[SliceResult]
    flips_by_slice: Mapping[str, Flips] = field(default_factory=dict)


def columns_of(evaluate: Evaluate) -> HoldoutColumns:
    """What the holdout is read for."""
    return HoldoutColumns(
        label=evaluate.label,
        group=evaluate.group,
        by_value=tuple(dict.fromkeys(item.by for item in evaluate.slices if not item.quantiles)),
        by_number=tuple(dict.fromkeys(item.by for item in evaluate.slices if item.quantiles)),
    )


def measure(
    model: Model, contest: Contest, holdout: HoldoutRows, *, interpreter: Callable[[], Interpreter], bench: Bench
) -> Measured:
    """Measure everything the config names. Raises StageFailed where the user's own metrics fail."""
    assert model.evaluate is not None
    compared = _Comparison(model.evaluate, contest, _replicates(model, contest, interpreter, bench))
    metrics, missing = compared.table()
    cuts = [_cut(item, holdout, hide=item.by in model.redact) for item in model.evaluate.slices]
    slices = assess_slices(
        contest.problem,
        contest.candidate,
        contest.main.scores,
        cuts,
        confidence=model.evaluate.confidence,
        options={spec.name: spec.options for spec in model.evaluate.metrics},
    )
    return Measured(
        metrics=metrics,
        missing=missing,
        against=compared.against(missing),
        slices=slices,
        flips_by_slice=_flips(contest, cuts),
    )


class _Comparison:
    """The metrics of one contest, each asked at the margin and confidence that somebody wants it at."""

    def __init__(self, evaluate: Evaluate, contest: Contest, replicates: Replicates) -> None:
        self.evaluate = evaluate
        self.contest = contest
        self.replicates = replicates
        self.specs = {spec.name: spec for spec in evaluate.metrics}
        self.known: dict[tuple[object, ...], MetricResult] = {}

    def table(self) -> tuple[dict[str, MetricResult], dict[str, str]]:
        """Every metric against the main champion, and why one has no value.

        Only what a gate asks, or the first metric where none does, has a verdict: the others decide nothing.
        """
        found: dict[str, MetricResult] = {}
        missing: dict[str, str] = {}
        gates = {gate.metric: gate for gate in reversed(self.evaluate.gates) if self._is_main(gate)}
        for place, spec in enumerate(self.evaluate.metrics):
            gate = gates.get(spec.name)
            margin = gate.margin if gate else 0.0
            confidence = gate.confidence if gate else self.evaluate.confidence
            try:
                result = self._result(spec, self.contest.main, confidence, margin)
            except Undefined as error:
                missing[spec.name] = str(error)
                continue
            decides = gate is not None or (not gates and place == 0)
            found[spec.name] = result if decides else replace(result, verdict=None, rows_needed=None)
        return found, missing

    def _is_main(self, gate: Gate) -> bool:
        return gate.against == self.contest.main.environment

    def _result(self, spec: MetricSpec, opponent: Opponent, confidence: float, margin: float) -> MetricResult:
        """With the champion where both have a value, else of the candidate alone. Raises Undefined without one."""
        try:
            return self._compared(spec, opponent, confidence, margin)
        except Undefined:
            return self._compared(spec, Opponent(environment=opponent.environment), confidence, margin)

    def _compared(self, spec: MetricSpec, opponent: Opponent, confidence: float, margin: float) -> MetricResult:
        """Computed once, however many gates ask: on millions of rows a metric takes seconds."""
        asked = (spec.name, opponent.environment, opponent.scored is None, confidence, margin)
        if asked not in self.known:
            compute = self._own if spec.function else self._assessed
            result = compute(spec, opponent, confidence, margin)
            self.known[asked] = _same(result) if opponent.identical else result
        return self.known[asked]

    def _assessed(self, spec: MetricSpec, opponent: Opponent, confidence: float, margin: float) -> MetricResult:
        return assess(
            spec.name,
            self.contest.problem,
            self.contest.candidate,
            opponent.scores,
            confidence=confidence,
            margin=margin,
            options=spec.options,
        )

    def _own(self, spec: MetricSpec, opponent: Opponent, confidence: float, margin: float) -> MetricResult:
        roles = self.replicates[spec.name]
        if roles["candidate"][0] is None:
            raise Undefined("your function gave no finite number")
        asked = {"candidate": roles["candidate"]}
        if opponent.scored is not None:
            other = roles["candidate"] if opponent.identical else roles[opponent.environment]
            if other[0] is None:
                raise Undefined("your function gave no finite number for the champion")
            asked["champion"] = other
        return from_replicates(
            spec.name,
            asked,
            higher_is_better=spec.direction == "higher",
            confidence=confidence,
            margin=margin,
            rows=self.contest.problem.rows,
            units=units(self.contest.problem),
            alike=opponent.scores is not None and alike(self.contest.candidate, opponent.scores),
        )

    def against(self, missing: Mapping[str, str]) -> dict[int, MetricResult | str]:
        """For each gate against a champion: the comparison at its own confidence and margin, or why there is none."""
        found: dict[int, MetricResult | str] = {}
        for index, gate in enumerate(self.evaluate.gates):
            if not gate.against or gate.metric in missing:
                continue
            opponent = self.contest.opponents[gate.against]
            if opponent.scored is None:
                found[index] = opponent.broken or f"there is no champion in {gate.against}"
                continue
            try:
                found[index] = self._compared(self.specs[gate.metric], opponent, gate.confidence, gate.margin)
            except Undefined as error:
                found[index] = f"{gate.metric} of the champion has no value: {error}"
        return found


def _same(result: MetricResult) -> MetricResult:
    """One model against itself: the difference is zero, and nothing is uncertain about it."""
    return replace(
        result,
        difference=Interval(value=0.0, low=0.0, high=0.0),
        p_value=1.0,
        verdict=Verdict.NON_INFERIOR,
        rows_needed=None,
        reason="",
        method="the same model",
    )


def _replicates(model: Model, contest: Contest, interpreter: Callable[[], Interpreter], bench: Bench) -> Replicates:
    """The user's functions, run in the user's environment on the same resamples for all models."""
    assert model.evaluate is not None
    own = [spec for spec in model.evaluate.metrics if spec.function]
    if not own:
        return {}
    others = {
        item.environment: item.scored.path
        for item in contest.opponents.values()
        if item.scored is not None and not item.identical
    }
    job = MeasuringJob(
        data=model.at(model.evaluate.holdout).resolve(),
        label=model.evaluate.label,
        group=model.evaluate.group,
        task=model.task,
        classes=contest.problem.classes,
        positive=contest.positive,
        functions={spec.name: spec.function for spec in own},
        modules=model.directory.resolve(),
        predictions={"candidate": contest.own.path, **others},
        seed=model.evaluate.seed,
    )
    return bench.scorer.measure(
        job,
        interpreter=interpreter(),
        cwd=model.directory,
        log=bench.workspace.log_path(model.name, "measure"),
        timeout=model.evaluate.timeout,
    )


def _cut(item: Slice, holdout: HoldoutRows, *, hide: bool) -> Cut:
    if item.quantiles:
        codes, names = by_quantile(holdout.numbers[item.by], item.quantiles)
    else:
        codes, names = holdout.values[item.by].codes, holdout.values[item.by].names
    if len(names) > MOST_SLICES:
        raise ConfigError(
            f"evaluate.slices cuts by '{item.by}', which has {len(names):,} values; {MOST_SLICES:,} are the most",
            hint="cut a number with 'quantiles', or write a column with fewer values",
            docs="evaluation.md#slices",
        )
    if hide:
        names = tuple(f"value {place + 1} (redacted)" for place in range(len(names)))
    return Cut(
        by=label_of(item),
        metric=item.metric,
        max_drop=item.max_drop,
        min_rows=item.min_rows,
        codes=codes,
        values=names,
    )


def _flips(contest: Contest, cuts: Sequence[Cut]) -> dict[str, Flips]:
    """The rows that flipped in the largest slices of each cut."""
    champion = contest.main.scores
    found: dict[str, Flips] = {}
    if champion is None:
        return found
    whole = replace(contest.problem, groups=None)  # a count needs no clusters
    for cut in cuts:
        parts: list[tuple[str, Codes]] = list(zip(cut.values, rows_by_code(cut.codes, len(cut.values)), strict=True))
        for value, rows in sorted(parts, key=lambda part: -len(part[1]))[:MOST_FLIPS]:
            name = f"{cut.by} = {value}"
            if len(rows) and name not in found:
                problem = whole.part(rows)
                found[name] = count_flips(problem, contest.candidate.part(rows), champion.part(rows))
    return found
