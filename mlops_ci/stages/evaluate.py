"""Compare the candidate with the champion on the same holdout rows, and apply the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Evaluate, Model
from mlops_ci.errors import MlopsError
from mlops_ci.evaluation import charts, flips
from mlops_ci.evaluation.verdict import overall
from mlops_ci.io import files
from mlops_ci.ports.holdouts import HoldoutRows, Overlap
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Registry
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.codec import encode
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.models import Candidate, Judgement, Version
from mlops_ci.records.results import Check, StageResult, Status, Verdict, status_of
from mlops_ci.records.training import ParamChange
from mlops_ci.stages.contest import Contest, hold, unusable
from mlops_ci.stages.gates import NOT_LOADED, check_gates, settled, unchecked, unloaded
from mlops_ci.stages.measuring import Measured, columns_of, measure
from mlops_ci.stages.overrides import apply_overrides
from mlops_ci.stages.rules import FORMATS, Rules, rules_of, verify_rules
from mlops_ci.stages.scoring import SMOKE, Bench, artifact
from mlops_ci.stages.served import Served, Trial, look, serve


@dataclass(frozen=True, kw_only=True)
class Question:
    """One judgement to be made: which candidate, by which rules, on which day (overrides expire). `interpreter`
    finds the user's Python when it is needed."""

    model: Model
    candidate: Candidate
    judgement_digest: str
    interpreter: Callable[[], Interpreter]
    today: date
    where: Callable[[str], str]

    @property
    def evaluate(self) -> Evaluate:
        assert self.model.evaluate is not None
        return self.model.evaluate

    @property
    def rules(self) -> Rules:
        return rules_of(self.model, self.where)


def evaluate(question: Question, *, registry: Registry, bench: Bench, trial: Trial, say: Say) -> StageResult:
    """Judge a candidate, and keep the judgement with its run.

    A holdout that nothing can be judged on, a candidate whose files are of a format that is not allowed, which are then
    not loaded, and a champion that can't be scored, are red checks. Raises StageFailed where the candidate can't be
    scored, DataError or ConfigError for a holdout that is not what the config says.
    """
    model = question.model
    verify_rules(model, today=question.today, where=question.where)
    holdout = bench.holdouts.read(model.at(question.evaluate.holdout), columns_of(question.evaluate), task=model.task)
    if reason := unusable(holdout, model.task):
        details = _details(question, holdout, verdict=None, verdict_reason=reason)
        return _judged(question, unchecked(question.rules, reason), details, {}, bench, {})
    looked = look(model, question.candidate, bench=bench, trial=trial)
    if looked.against and not _is_waived(question, FORMATS):
        details = _details(question, holdout, verdict=None, verdict_reason=f"{NOT_LOADED}: {looked.against}")
        return _judged(question, unloaded(question.rules, looked), details, {}, bench, {})
    overlap = _overlap(question, bench)
    contest = hold(
        model,
        question.candidate,
        holdout,
        interpreter=question.interpreter,
        registry=registry,
        bench=bench,
        say=say,
    )
    say("comparing")
    measured = measure(model, contest, holdout, interpreter=question.interpreter, bench=bench)
    served = serve(model, question.candidate, contest, looked, bench=bench, trial=trial, say=say)
    checks = check_gates(question.rules, contest, measured, overlap, served)
    details = _compared(question, holdout, contest, measured, overlap, served, bench)
    met = {name: item.version.model_digest if item.version else "" for name, item in contest.opponents.items()}
    return _judged(question, checks, details, _predictions(question, contest, holdout, bench), bench, met)


def _is_waived(question: Question, gate: str) -> bool:
    return any(item.gate == gate for item in question.model.overrides)


def _overlap(question: Question, bench: Bench) -> Overlap:
    """Against `train.data`, or else against the validated data that is not the holdout."""
    model, evaluate = question.model, question.evaluate
    named = model.train.data or tuple(item.data for item in model.validate if "://" not in item.data)
    holdout = model.at(evaluate.holdout)
    # What fits nothing stays in the list: training data that is not there was not compared.
    paths = [path for name in named for path in sorted(model.directory.glob(name)) or [model.at(name)]]
    found = [path for path in dict.fromkeys(paths) if path.resolve() != holdout.resolve()]
    return bench.holdouts.overlap(holdout, found, group=evaluate.group)


def _details(question: Question, holdout: HoldoutRows, **found: Any) -> EvaluationDetails:
    return EvaluationDetails(
        task=question.model.task,
        label=question.evaluate.label,
        holdout=question.evaluate.holdout,
        holdout_digest=holdout.digest,
        rows=holdout.rows,
        judgement_digest=question.judgement_digest,
        candidate_run=question.candidate.run_id,
        candidate_digest=question.candidate.model_digest,
        **found,
    )


def _compared(
    question: Question,
    holdout: HoldoutRows,
    contest: Contest,
    measured: Measured,
    overlap: Overlap,
    served: Served,
    bench: Bench,
) -> EvaluationDetails:
    verdict, reason = _verdict(question, contest, measured)
    main, version = contest.main, contest.main.version
    champion = main.scores
    named = [spec.name for spec in question.evaluate.metrics]
    return _details(
        question,
        holdout,
        verdict=verdict,
        verdict_reason=reason,
        champion_version=version.number if version else "",
        champion_digest=version.model_digest if version else "",
        champion_predictions=main.scored.source if main.scored else "",
        clusters=None if holdout.groups is None else int(holdout.groups.max()) + 1,
        overlap=overlap.rows,
        classes=contest.problem.classes,
        metrics=tuple(measured.metrics[name] for name in named if name in measured.metrics),
        slices=tuple(measured.slices),
        charts=charts.draw(contest.problem, contest.candidate, champion),
        param_changes=_param_changes(question, version, bench),
        flips=flips.count_flips(contest.problem, contest.candidate, champion) if champion else None,
        flips_by_slice=measured.flips_by_slice,
        scoring_seconds=contest.own.seconds,
        serving=served.facts,
        notes=tuple(_notes(contest, measured, overlap)),
    )


def _notes(contest: Contest, measured: Measured, overlap: Overlap) -> list[str]:
    """What a reviewer should know beside the numbers."""
    notes = [f"{name} has no value: {reason}" for name, reason in measured.missing.items()]
    notes += [f"{name} has no interval: {item.reason}" for name, item in measured.metrics.items() if item.reason]
    for item in contest.opponents.values():
        if item.broken:
            notes.append(item.broken)
        elif item.identical:
            notes.append(f"candidate and champion of {item.environment} are the same model, byte for byte")
        elif item.scored is not None and item.scored.source == "scored":
            notes.append(f"the champion of {item.environment} was scored in its own Python {item.scored.python}")
    own = contest.own
    if own.row_milliseconds is not None and own.peak_memory_mb is not None:
        notes.append(
            f"scoring: one row alone takes {own.row_milliseconds:.3g} ms (median); "
            f"{own.peak_memory_mb:,.0f} MB of memory at most, the holdout's batches included"
        )
    notes += [f"not compared with the holdout: {reason}" for reason in overlap.skipped]
    return notes


def _verdict(question: Question, contest: Contest, measured: Measured) -> tuple[Verdict | None, str]:
    """The verdict and its reason: of the required gates against a champion, else of the first metric."""
    main = contest.main
    if main.version is None:
        nobody = f"there is no champion in {main.environment} to compare with"
        return (Verdict.FIRST, nobody) if question.evaluate.first_model == "allow" else (None, nobody)
    broken = next((item.broken for item in contest.opponents.values() if item.broken), "")
    if broken:
        return None, broken
    gates = question.evaluate.gates
    required = [i for i in measured.against if gates[i].severity == "fail"] or list(measured.against)
    compared = [measured.against[i] for i in required] or list(measured.metrics.values())[:1]
    failed = next((item for item in compared if isinstance(item, str)), "")
    results = [item for item in compared if not isinstance(item, str)]
    verdicts = [item.verdict for item in results if item.verdict is not None]
    found = overall(verdicts)
    if found is None or failed or len(verdicts) < len(compared):
        silent = next((f"{item.metric} has no interval: {item.reason}" for item in results if item.reason), "")
        return None, failed or silent or "no metric could be compared with an interval"
    if main.identical and len(contest.opponents) == 1:
        return found, "this is the champion's own model"
    deciding = next(item for item in results if item.verdict is found)
    return found, f"{found.value} by {deciding.metric}{settled(deciding, contest.problem.rows)}"


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


def _predictions(question: Question, contest: Contest, holdout: HoldoutRows, bench: Bench) -> dict[str, Any]:
    """What to keep with the judgement: the candidate's predictions, and rows to smoke its server with. Predictions of
    champions that were scored now go to their own runs."""
    for item in contest.opponents.values():
        if item.version and item.scored and item.scored.source == "scored" and not item.identical:
            bench.tracker.store(item.version.run_id, artifact(holdout), item.scored.path)
    if contest.own.source != "scored":
        return {}
    smoke = {SMOKE: contest.own.smoke} if contest.own.smoke is not None else {}
    return {artifact(holdout): contest.own.path, **smoke}


def _judged(
    question: Question,
    checks: Sequence[Check],
    details: EvaluationDetails,
    kept: dict[str, Any],
    bench: Bench,
    champions: Mapping[str, str],
) -> StageResult:
    """The result; the judgement goes to the candidate's run, with its predictions: tomorrow it may be the champion."""
    checks = apply_overrides(checks, question.model.overrides)
    result = StageResult(
        stage="evaluate",
        model=question.model.name,
        status=status_of(checks),
        reason=details.verdict_reason,
        checks=checks,
        outputs={"verdict": details.verdict.value if details.verdict else "", "model-digest": details.candidate_digest},
        details=encode(details),
    )
    scratch = bench.workspace.scratch(question.model.name, "judgement")
    files.write_json(scratch / "evaluation.json", encode(result))
    judgement = Judgement(
        verdict=details.verdict or Verdict.INCONCLUSIVE,
        passed=result.status is Status.PASSED,
        digest=question.judgement_digest,
        holdout=details.holdout_digest,
        champion=details.champion_digest,
        champions=champions,
    )
    files_of = {**kept, **_validation(question, bench), "evaluation.json": scratch / "evaluation.json"}
    bench.tracker.judge(question.candidate.run_id, judgement, files=files_of)
    return result


def _validation(question: Question, bench: Bench) -> dict[str, Path]:
    """What validation found in the data of this very judgement: the next candidate's data is compared with it."""
    name = question.model.name
    found = bench.workspace.read_result(name, "validate")
    if found is None or found.outputs.get("judgement-digest") != question.judgement_digest:
        return {}
    return {"validation.json": bench.workspace.result_path(name, "validate")}
