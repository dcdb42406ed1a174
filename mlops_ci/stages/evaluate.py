"""Compare the candidate with the champion on the same holdout rows, and apply the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from mlops_ci.config.types import Evaluate, MetricSpec, Model
from mlops_ci.digests.directory import size_of
from mlops_ci.errors import ConfigError, MlopsError
from mlops_ci.evaluation import charts, flips
from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.problem import Problem, Scores, Undefined
from mlops_ci.evaluation.resampled import from_replicates
from mlops_ci.evaluation.slices import Cut, assess_slices, by_quantile, by_value
from mlops_ci.evaluation.verdict import overall
from mlops_ci.io import files
from mlops_ci.ports import HoldoutRows, Interpreter, MeasuringJob, PredictedRows, Registry, Say
from mlops_ci.records import Candidate, Judgement, StageResult, Status, Verdict, Version, encode, status_of
from mlops_ci.records.evaluation import EvaluationDetails, MetricResult, SliceResult
from mlops_ci.records.training import ParamChange
from mlops_ci.stages.gates import Measured, check_gates
from mlops_ci.stages.scoring import Bench, Scored, artifact, model_directory, predictions_of


@dataclass(frozen=True, kw_only=True)
class Question:
    """One judgement to be made: which candidate, by which rules, on which day (overrides expire)."""

    model: Model
    candidate: Candidate
    judgement_digest: str
    interpreter: Interpreter
    today: date
    where: Callable[[str], str]

    @property
    def evaluate(self) -> Evaluate:
        assert self.model.evaluate is not None
        return self.model.evaluate


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both models' answers on one problem. `broken` says why there is no champion although there should be one."""

    problem: Problem
    candidate: Scores
    champion: Scores | None
    paths: Mapping[str, Scored]
    version: Version | None
    broken: str = ""

    @property
    def first(self) -> bool:
        return self.version is None and not self.broken


def evaluate(question: Question, *, registry: Registry, bench: Bench, say: Say) -> StageResult:
    """Judge a candidate, and keep the judgement with its run.

    Raises StageFailed where the candidate can't be scored, DataError or ConfigError for the holdout. A champion that
    can't be scored raises nothing: every gate against it is red, with the reason.
    """
    model = question.model
    holdout = _holdout(question, bench)
    pair = _pair(question, holdout, registry, bench, say)
    metrics, missing = _metrics(question, pair, bench, say)
    against = _against(question, pair, metrics, missing)
    slices, slice_notes = _slices(question, pair, holdout)
    measured = Measured(
        metrics=metrics,
        missing=missing,
        against=against,
        slices=slices,
        first=pair.first,
        overlap=holdout.overlap,
        model_bytes=_size(question, bench),
    )
    prefix = f"models.{model.name}.evaluate"
    lines = {i: question.where(f"{prefix}.gates[{i}]") for i in range(len(question.evaluate.gates))}
    checks = check_gates(model, measured, where=question.where(prefix), lines=lines, today=question.today)
    details = _details(question, pair, holdout, measured, bench, slice_notes)
    result = StageResult(
        stage="evaluate",
        model=model.name,
        status=status_of(checks),
        reason=details.verdict_reason,
        checks=checks,
        outputs={"verdict": details.verdict.value if details.verdict else "", "model-digest": details.candidate_digest},
        details=encode(details),
    )
    _keep(question, result, details, pair, holdout, bench)
    return result


def _holdout(question: Question, bench: Bench) -> HoldoutRows:
    model, evaluate = question.model, question.evaluate
    named = model.train.data or tuple(item.data for item in model.validate if "://" not in item.data)
    training = [path for name in named if name != evaluate.holdout for path in sorted(model.directory.glob(name))]
    return bench.holdouts.read(
        model.at(evaluate.holdout),
        task=model.task,
        label=evaluate.label,
        group=evaluate.group,
        slices=tuple(dict.fromkeys(item.by for item in evaluate.slices)),
        training=training,
    )


def _pair(question: Question, holdout: HoldoutRows, registry: Registry, bench: Bench, say: Say) -> Pair:
    """Score both; the champion in its own environment, and where it can't be scored, why."""
    candidate = question.candidate
    own = predictions_of(
        question.model,
        role="candidate",
        run_id=candidate.run_id,
        model_digest=candidate.model_digest,
        interpreter=question.interpreter,
        holdout=holdout,
        bench=bench,
        say=say,
    )
    version, broken, other = None, "", None
    try:
        version = registry.champion(question.model.name, _environment(question))
        if version is not None:
            other = predictions_of(
                question.model,
                role="champion",
                run_id=version.run_id,
                model_digest=version.model_digest,
                interpreter=None,
                holdout=holdout,
                bench=bench,
                say=say,
            )
    except MlopsError as error:
        broken = f"the champion could not be scored: {error}"
    return _coded(question, holdout, own, other, version, broken)


def _environment(question: Question) -> str:
    """The environment whose champion is compared with: the first that a gate names, else the model's last."""
    named = [gate.against for gate in question.evaluate.gates if gate.against]
    return named[0] if named else question.model.champion_environment


def _coded(
    question: Question,
    holdout: HoldoutRows,
    own: Scored,
    other: Scored | None,
    version: Version | None,
    broken: str,
) -> Pair:
    """Labels and answers of both as codes into one list of classes."""
    both = [own, *([other] if other else [])]
    paths = {"candidate": own, **({"champion": other} if other else {})}
    if question.model.task == "regression":
        problem = Problem(task="regression", y=holdout.label, groups=holdout.groups)
        found = [Scores(prediction=scored.rows.prediction) for scored in both]
    else:
        classes = _classes(holdout, [scored.rows for scored in both])
        problem = Problem(
            task="classification",
            y=_codes(holdout.label, classes),
            classes=classes,
            positive=_positive(question.evaluate, classes),
            groups=holdout.groups,
        )
        found = [_scores(scored.rows, problem) for scored in both]
    return Pair(
        problem=problem,
        candidate=found[0],
        champion=found[1] if len(found) > 1 else None,
        paths=paths,
        version=version,
        broken=broken,
    )


def _classes(holdout: HoldoutRows, answers: Sequence[PredictedRows]) -> tuple[str, ...]:
    names = set(np.unique(holdout.label.astype(str)).tolist())
    for rows in answers:
        names |= set(rows.classes) or set(np.unique(rows.prediction.astype(str)).tolist())
    numeric = all(name.lstrip("-").isdigit() for name in names)
    return tuple(sorted(names, key=int if numeric else str))


def _positive(evaluate: Evaluate, classes: tuple[str, ...]) -> int:
    if evaluate.positive:
        if evaluate.positive not in classes:
            raise ConfigError(
                f"evaluate.positive is '{evaluate.positive}', but the classes are {', '.join(classes)}",
                docs="evaluation.md",
            )
        return classes.index(evaluate.positive)
    known = [index for index, name in enumerate(classes) if name.lower() in ("1", "true", "yes")]
    return known[0] if known else len(classes) - 1


def _codes(values: Any, classes: tuple[str, ...]) -> Any:
    unique, inverse = np.unique(values.astype(str), return_inverse=True)
    places = {name: index for index, name in enumerate(classes)}
    return np.array([places[name] for name in unique.tolist()], dtype=np.int64)[inverse]


def _scores(rows: PredictedRows, problem: Problem) -> Scores:
    prediction = _codes(rows.prediction, problem.classes)
    if rows.probability is None:
        return Scores(prediction=prediction)
    columns = np.zeros((len(prediction), len(problem.classes)))
    for index, name in enumerate(rows.classes):
        columns[:, problem.classes.index(name)] = rows.probability[:, index]
    return Scores(prediction=prediction, probability=columns[:, problem.positive] if problem.binary else columns)


def _metrics(question: Question, pair: Pair, bench: Bench, say: Say) -> tuple[dict[str, MetricResult], dict[str, str]]:
    """Every metric, and why one has no value."""
    evaluate = question.evaluate
    found: dict[str, MetricResult] = {}
    missing: dict[str, str] = {}
    margins = {gate.metric: gate.margin for gate in evaluate.gates if gate.against}
    for spec in evaluate.metrics:
        if spec.function:
            continue
        try:
            found[spec.name] = _assess(question, pair, spec, evaluate.confidence, margins.get(spec.name, 0.0))
        except Undefined as error:
            missing[spec.name] = str(error)
    own = [spec for spec in evaluate.metrics if spec.function]
    if own:
        measured = _own_metrics(question, pair, own, margins, bench, say)
        found |= {name: item for name, item in measured.items() if item.candidate.value is not None}
        missing |= {spec.name: "the function gave no finite number" for spec in own if spec.name not in found}
    return found, missing


def _assess(question: Question, pair: Pair, spec: MetricSpec, confidence: float, margin: float) -> MetricResult:
    return assess(
        spec.name,
        pair.problem,
        pair.candidate,
        pair.champion,
        confidence=confidence,
        margin=margin,
        options=spec.options,
        seed=question.evaluate.seed,
    )


def _own_metrics(
    question: Question, pair: Pair, specs: Sequence[MetricSpec], margins: Mapping[str, float], bench: Bench, say: Say
) -> dict[str, MetricResult]:
    """The user's functions, run in the user's environment on the same resamples for both models."""
    evaluate, model = question.evaluate, question.model
    job = MeasuringJob(
        data=model.at(evaluate.holdout).resolve(),
        label=evaluate.label,
        group=evaluate.group,
        task=model.task,
        functions={spec.name: spec.function for spec in specs},
        predictions={role: scored.path for role, scored in pair.paths.items()},
        seed=evaluate.seed,
    )
    log = bench.workspace.log_path(model.name, "measure")
    log.unlink(missing_ok=True)
    found = bench.scorer.measure(
        job, interpreter=question.interpreter, cwd=model.directory, log=log, say=say, timeout=evaluate.timeout
    )
    return {
        spec.name: from_replicates(
            spec.name,
            found[spec.name],
            higher_is_better=spec.direction == "higher",
            confidence=evaluate.confidence,
            margin=margins.get(spec.name, 0.0),
            rows=pair.problem.rows,
        )
        for spec in specs
    }


def _against(
    question: Question, pair: Pair, metrics: Mapping[str, MetricResult], missing: Mapping[str, str]
) -> dict[int, MetricResult | str]:
    """For each gate against a champion: the comparison at its own confidence and margin."""
    specs = {spec.name: spec for spec in question.evaluate.metrics}
    compared_with = _environment(question)
    found: dict[int, MetricResult | str] = {}
    for index, gate in enumerate(question.evaluate.gates):
        if not gate.against or gate.metric in missing:
            continue
        if gate.against != compared_with:
            found[index] = f"one run compares with one champion, and that is {compared_with}'s"
        elif pair.champion is None:
            found[index] = pair.broken or "there is no champion"
        elif specs[gate.metric].function:
            found[index] = metrics[gate.metric]
        else:
            margin = 0.0 if gate.require == "better" else gate.margin
            found[index] = _assess(question, pair, specs[gate.metric], gate.confidence, margin)
    return found


def _slices(question: Question, pair: Pair, holdout: HoldoutRows) -> tuple[tuple[SliceResult, ...], tuple[str, ...]]:
    cuts = []
    options = {spec.name: spec.options for spec in question.evaluate.metrics}
    own = {spec.name for spec in question.evaluate.metrics if spec.function}
    notes = []
    for item in question.evaluate.slices:
        if item.metric in own:
            notes.append(f"slices by {item.by}: '{item.metric}' is a metric of your own and is not cut into slices")
            continue
        values = holdout.slices[item.by]
        if item.by in question.model.redact:
            codes, names = by_value(values.astype(str))
            names = tuple(f"value {index + 1} (redacted)" for index in range(len(names)))
        elif item.quantiles:
            codes, names = by_quantile(_numeric(values, item.by), item.quantiles)
        else:
            codes, names = by_value(values)
        cuts.append(
            Cut(
                by=item.by,
                metric=item.metric,
                max_drop=item.max_drop,
                min_rows=item.min_rows,
                codes=codes,
                values=names,
            )
        )
    found = assess_slices(
        pair.problem, pair.candidate, pair.champion, cuts, confidence=question.evaluate.confidence, options=options
    )
    return found, tuple(notes)


def _numeric(values: Any, name: str) -> Any:
    if values.dtype.kind != "f":
        raise ConfigError(
            f"evaluate.slices cuts '{name}' by quantiles, but it is no number", docs="evaluation.md#slices"
        )
    return values


def _size(question: Question, bench: Bench) -> int:
    if question.evaluate.serving is None:
        return 0
    scratch = bench.workspace.scratch(question.model.name, "candidate")
    candidate = question.candidate
    return size_of(model_directory(question.model, candidate.run_id, candidate.model_digest, bench, scratch))


def _details(
    question: Question,
    pair: Pair,
    holdout: HoldoutRows,
    measured: Measured,
    bench: Bench,
    notes: tuple[str, ...],
) -> EvaluationDetails:
    verdict, reason = _verdict(question, pair, measured)
    version = pair.version
    own = pair.paths["candidate"]
    return EvaluationDetails(
        verdict=verdict,
        verdict_reason=reason,
        task=question.model.task,
        label=question.evaluate.label,
        holdout=question.evaluate.holdout,
        holdout_digest=holdout.digest,
        rows=holdout.rows,
        judgement_digest=question.judgement_digest,
        candidate_run=question.candidate.run_id,
        candidate_digest=question.candidate.model_digest,
        champion_version=version.number if version else "",
        champion_digest=version.model_digest if version else "",
        champion_predictions=pair.paths["champion"].source if "champion" in pair.paths else "",
        clusters=None if holdout.groups is None else int(holdout.groups.max()) + 1,
        overlap=holdout.overlap,
        classes=pair.problem.classes,
        metrics=tuple(
            measured.metrics[spec.name] for spec in question.evaluate.metrics if spec.name in measured.metrics
        ),
        slices=tuple(measured.slices),
        charts=charts.draw(pair.problem, pair.candidate, pair.champion),
        param_changes=_param_changes(question, version, bench),
        flips=flips.count_flips(pair.problem, pair.candidate, pair.champion) if pair.champion else None,
        scoring_seconds=own.seconds,
        notes=(*notes, *([pair.broken] if pair.broken else []), *_identical(question, version)),
    )


def _identical(question: Question, version: Version | None) -> list[str]:
    same = version is not None and version.model_digest == question.candidate.model_digest
    return ["candidate and champion are the same model, byte for byte"] if same else []


def _verdict(question: Question, pair: Pair, measured: Measured) -> tuple[Verdict | None, str]:
    """The verdict and its reason: of the gates against the champion, else of the first metric."""
    if pair.broken:
        return None, pair.broken
    if pair.first:
        if question.evaluate.first_model == "allow":
            return Verdict.FIRST, "the first model: there is no champion to compare with"
        return None, "there is no champion to compare with"
    gated = [item for item in measured.against.values() if not isinstance(item, str)]
    compared = gated or list(measured.metrics.values())[:1]
    verdicts = [item.verdict for item in compared if item.verdict is not None]
    found = overall(verdicts)
    if found is None:
        return None, "no metric could be compared"
    deciding = next(item for item in compared if item.verdict is not None)
    return found, f"{found.value} than the champion by {deciding.metric}" if found in (
        Verdict.BETTER,
        Verdict.WORSE,
    ) else f"{found.value} by {deciding.metric}"


def _param_changes(question: Question, version: Version | None, bench: Bench) -> tuple[ParamChange, ...]:
    if version is None:
        return ()
    try:
        old = bench.tracker.load(version.run_id).params
    except MlopsError:
        return ()
    new = question.candidate.params
    return tuple(
        ParamChange(name=name, old=old.get(name, ""), new=new.get(name, ""))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _keep(
    question: Question,
    result: StageResult,
    details: EvaluationDetails,
    pair: Pair,
    holdout: HoldoutRows,
    bench: Bench,
) -> None:
    """The judgement goes to the candidate's run, with its predictions: tomorrow it may be the champion."""
    scratch = bench.workspace.scratch(question.model.name, "judgement")
    files.write_json(scratch / "evaluation.json", encode(result))
    kept = {"evaluation.json": scratch / "evaluation.json"}
    for role, run_id in (("candidate", question.candidate.run_id), ("champion", pair.version and pair.version.run_id)):
        scored = pair.paths.get(role)
        if scored is not None and scored.source == "scored" and run_id:
            if role == "candidate":
                kept[artifact(holdout)] = scored.path
            else:
                bench.tracker.store(run_id, artifact(holdout), scored.path)
    judgement = Judgement(
        verdict=details.verdict or Verdict.INCONCLUSIVE,
        passed=result.status is Status.PASSED,
        digest=question.judgement_digest,
        holdout=holdout.digest,
        champion=details.champion_digest,
    )
    bench.tracker.judge(question.candidate.run_id, judgement, files=kept)
