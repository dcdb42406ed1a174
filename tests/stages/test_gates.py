"""Each gate on its own: what passes, what is red, what only warns. Nothing passes that was not looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_ci.config.types import Evaluate, Gate, MetricSpec, Model, Serving, Slice
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.ports.holdouts import Overlap, PredictedRows
from mlops_ci.records.evaluation import Interval, MetricResult, ServingFacts, SliceResult
from mlops_ci.records.models import Version
from mlops_ci.records.results import Check, Severity, Status, Verdict
from mlops_ci.stages.contest import Contest, Opponent
from mlops_ci.stages.gates import check_gates, unloaded
from mlops_ci.stages.measuring import Measured
from mlops_ci.stages.rules import Rules, name_of, numbered
from mlops_ci.stages.scoring import Scored
from mlops_ci.stages.served import Looked, Served
from mlops_ci.stages.signatures import Change, Compared

PROBLEM = Problem(task="regression", y=np.zeros(100))
SCORES = Scores(prediction=np.zeros(100))
SCORED = Scored(rows=PredictedRows(prediction=np.zeros(100), probability=None), path=Path("p"), source="stored")
VERSION = Version(model="m", number="3", run_id="r", model_digest="d", inputs_digest="i")
NOBODY = Opponent(environment="production")
CHAMPION = Opponent(environment="production", version=VERSION, scored=SCORED, scores=SCORES)
BROKEN = Opponent(environment="production", version=VERSION, broken="the champion could not be scored: it is gone")
SLICE = SliceResult(
    by="c",
    value="x",
    metric="mae",
    rows=500,
    candidate=1.0,
    champion=1.0,
    drop=0.0,
    low=-0.1,
    high=0.1,
    p_value=0.5,
    max_drop=0.2,
    tested=True,
    failed=False,
)


def result(value: float | None = 1.0, verdict: Verdict | None = None, **others: Any) -> MetricResult:
    ours: dict[str, Any] = {
        "metric": "mae",
        "higher_is_better": False,
        "candidate": Interval(value=value),
        "confidence": 0.95,
        "method": "paired t",
        "difference": Interval(value=-0.1, low=-0.2, high=0.0) if verdict else None,
        "verdict": verdict,
    }
    return MetricResult(**{**ours, **others})


def check(
    *,
    opponent: Opponent = CHAMPION,
    metric: MetricResult | str = "it has no value",
    against: MetricResult | str | None = None,
    parts: tuple[SliceResult, ...] = (),
    overlap: Overlap | None = None,
    served: Served | None = None,
    formats: tuple[str, ...] = (),
    **keys: Any,
) -> dict[str, Check]:
    """The checks of a model whose config says `keys` below `evaluate`."""
    evaluate = Evaluate(holdout="h.parquet", label="y", metrics=(MetricSpec(name="mae"),), **keys)
    serving = {"formats": list(formats)} if formats else {}
    model = Model(name="m", root=Path("/"), task="regression", evaluate=evaluate, serving=serving)
    contest = Contest(
        problem=PROBLEM,
        positive="",
        candidate=SCORES,
        own=SCORED,
        opponents={opponent.environment: opponent},
        main=opponent,
    )
    found = Measured(
        metrics={} if isinstance(metric, str) else {"mae": metric},
        missing={"mae": metric} if isinstance(metric, str) else {},
        against={} if against is None else {0: against},
        slices=parts,
    )
    rules = Rules(model=model, where=lambda key: f"mlops.yaml:{key}", where_in_model=lambda key: f"mlops.yaml:m.{key}")
    rows = overlap or Overlap(rows=0, compared=("train.parquet",))
    return {item.name: item for item in check_gates(rules, contest, found, rows, served or Served())}


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        (Gate(metric="roc_auc", min=0.60), "roc_auc >= 0.6"),
        (Gate(metric="log_loss", max=0.5), "log_loss <= 0.5"),
        (Gate(metric="recall", min=0.2, max=0.9), "0.2 <= recall <= 0.9"),
        (Gate(metric="roc_auc", against="production", margin=0.01), "roc_auc vs production"),
        (Gate(metric="roc_auc", against="production", require="better"), "roc_auc better than production"),
        (Gate(metric="roc_auc", min=0.6, name="good enough"), "good enough"),
    ],
)
def test_names_read_like_what_they_ask(gate: Gate, name: str) -> None:
    assert name_of(gate) == name


def test_names_are_never_the_same() -> None:
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a #2", "a #3"]


@pytest.mark.parametrize(
    ("gate", "value", "status"),
    [
        (Gate(metric="mae", max=1.0), 1.0, Status.PASSED),
        (Gate(metric="mae", max=1.0), 1.0001, Status.FAILED),
        (Gate(metric="mae", min=1.0), 0.9999, Status.FAILED),
        (Gate(metric="mae", min=0.5, max=1.0), 0.7, Status.PASSED),
        (Gate(metric="mae", max=1.0), None, Status.ERROR),
    ],
)
def test_absolute_gates(gate: Gate, value: float | None, status: Status) -> None:
    found = check(metric=result(value), gates=(gate,))[name_of(gate)]
    assert found.status is status
    assert found.red == (status is not Status.PASSED)
    assert found.where == "mlops.yaml:gates[0]"


def test_a_metric_without_a_value_is_red_with_its_reason() -> None:
    found = check(metric="only one class is in these rows", gates=(Gate(metric="mae", max=1.0),))["mae <= 1"]
    assert found.status is Status.ERROR
    assert found.red
    assert "only one class is in these rows" in found.message


AGAINST = Gate(metric="mae", against="production", margin=0.1)


@pytest.mark.parametrize(
    ("verdict", "require", "passes"),
    [
        (Verdict.BETTER, "better", True),
        (Verdict.BETTER, "non-inferior", True),
        (Verdict.NON_INFERIOR, "non-inferior", True),
        (Verdict.NON_INFERIOR, "better", False),
        (Verdict.INCONCLUSIVE, "non-inferior", False),
        (Verdict.WORSE, "non-inferior", False),
    ],
)
def test_gates_against_the_champion(verdict: Verdict, require: str, passes: bool) -> None:
    gate = replace(AGAINST, require=require)
    compared = result(verdict=verdict, rows_needed=12_400)
    found = check(metric=compared, against=compared, gates=(gate,))[name_of(gate)]
    assert found.red != passes
    assert found.message.startswith(f"{verdict.value}: -0.1 [-0.2, +0]")
    settles = "about 12,400 holdout rows would settle it (there are 100)"
    assert (settles in found.message) == (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("against", "words"),
    [
        (None, "it was not compared"),
        ("the champion gives labels only", "the champion gives labels only"),
        (result(verdict=Verdict.BETTER, difference=Interval(value=0.1)), "has no interval, so nothing is proven"),
        (result(verdict=None, difference=Interval(value=1, low=0, high=2)), "has no interval, so nothing is proven"),
        (
            result(difference=Interval(value=1), reason="an interval needs 10 independent rows, and there are 2"),
            "mae has no interval, so nothing is proven: an interval needs 10 independent rows, and there are 2",
        ),
    ],
)
def test_what_was_not_compared_is_red(against: MetricResult | str | None, words: str) -> None:
    found = check(metric=result(), against=against, gates=(AGAINST,))["mae vs production"]
    assert found.status is Status.ERROR
    assert found.red
    assert words in found.message


def test_a_warning_is_not_red() -> None:
    gates = (replace(AGAINST, severity="warn"), Gate(metric="mae", max=0.5, severity="warn"))
    worse = result(verdict=Verdict.WORSE)
    found = check(metric=worse, against=worse, gates=gates)
    assert [item.status for item in found.values()].count(Status.FAILED) == 2
    assert not any(item.red for item in found.values())


@pytest.mark.parametrize(
    ("opponent", "first", "gates", "red"),
    [
        (NOBODY, "allow", (AGAINST,), set()),
        (NOBODY, "fail", (AGAINST,), {"champion"}),
        (NOBODY, "fail", (), {"champion"}),
        (BROKEN, "allow", (AGAINST,), {"champion", "mae vs production"}),
        (BROKEN, "allow", (), {"champion"}),
        (BROKEN, "allow", (replace(AGAINST, severity="warn"),), set()),
    ],
)
def test_the_champion(opponent: Opponent, first: str, gates: tuple[Gate, ...], red: set[str]) -> None:
    against = opponent.broken or "there is no champion in production"
    found = check(opponent=opponent, first_model=first, gates=gates, metric=result(), against=against)
    assert {name for name, item in found.items() if item.red} == red
    assert all(found[name].status is not Status.PASSED for name in ("mae vs production",) if gates)


CUT = Slice(by="c", metric="mae", max_drop=0.2, min_rows=100)


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ((SLICE,), Status.PASSED, "none of 1 slices is worse by more than 0.2"),
        ((replace(SLICE, failed=True, drop=0.5), SLICE), Status.FAILED, "worst: x (mae worse by 0.5 on 500 rows)"),
        ((replace(SLICE, tested=False, rows=99),), Status.ERROR, "no slice has 100 rows"),
        ((SLICE, replace(SLICE, tested=False, value="z")), Status.ERROR, "no value in 1 slices that are large enough"),
        (
            (SLICE, replace(SLICE, tested=False, low=None, high=None, p_value=None, reason="it is one group")),
            Status.ERROR,
            "no interval in 1 slices that are large enough, e.g. x (it is one group): raise min_rows",
        ),
        ((SLICE, replace(SLICE, tested=False, rows=99)), Status.PASSED, "none of 1 slices"),
        ((), Status.ERROR, "nothing was tested"),
    ],
)
def test_slices(parts: tuple[SliceResult, ...], status: Status, words: str) -> None:
    found = check(metric=result(), parts=parts, slices=(CUT,))
    assert found["mae by c"].status is status
    assert words in found["mae by c"].message
    assert found["mae by c"].where == "mlops.yaml:slices[0]"


FACTS = ServingFacts(requests=500, p50_ms=2.0, p99_ms=9.0, memory_mb=300.0, ready_seconds=4.0)
LIMITS = Serving(size_mb=2.5, p99_ms=10, memory_mb=100)


def test_serving() -> None:
    found = check(metric=result(), served=Served(model_bytes=3_000_000, facts=FACTS), serving=LIMITS)
    assert found["serving size_mb <= 2.5"].message == "the model directory has 3 MB"
    assert found["serving p99_ms <= 10"].message == "99 % of 500 requests of one row took at most 9 ms"
    assert [name for name, item in found.items() if item.red] == ["serving size_mb <= 2.5", "serving memory_mb <= 100"]
    assert "signature" not in found, "nothing was compared"


def test_serving_that_could_not_be_measured_is_red_with_the_reason() -> None:
    found = check(metric=result(), served=Served(broken="it did not start"), serving=LIMITS)
    assert found["serving p99_ms <= 10"].red
    assert found["serving p99_ms <= 10"].message == "not measured: it did not start"
    assert found["serving memory_mb <= 100"].red


def compared(*changes: Change, **others: str) -> Served:
    return Served(signatures=(Compared(environment="production", changes=changes, **others),))


BREAKS, HARMLESS = Change(text="output y: long → double"), Change(text="input a is gone", breaks=False)
UNKNOWN = "the champion's signature is not known: its run holds no MLmodel file"
NOTICED = "nothing that a client of the champion would notice"


@pytest.mark.parametrize(
    ("mode", "served", "status", "red", "message"),
    [
        ("warn", compared(), Status.PASSED, False, NOTICED),
        ("warn", compared(HARMLESS), Status.FAILED, False, "input a is gone"),
        ("warn", compared(BREAKS, HARMLESS), Status.FAILED, False, "output y: long → double; input a is gone"),
        ("warn", compared(unknown=UNKNOWN), Status.ERROR, False, UNKNOWN),
        ("compatible", compared(), Status.PASSED, False, NOTICED),
        (
            "compatible",
            compared(HARMLESS),
            Status.PASSED,
            False,
            "nothing that breaks a client of the champion: input a is gone",
        ),
        ("compatible", compared(BREAKS, HARMLESS), Status.FAILED, True, "output y: long → double"),
        ("compatible", compared(unknown=UNKNOWN), Status.ERROR, True, UNKNOWN),
        ("compatible", compared(nothing="it has none"), Status.SKIPPED, False, "not checked: it has none"),
        ("compatible", Served(), Status.SKIPPED, False, "not checked: there is no champion"),
        ("same", compared(HARMLESS), Status.FAILED, True, "input a is gone"),
        ("same", compared(), Status.PASSED, False, NOTICED),
    ],
)
def test_the_signature(mode: str, served: Served, status: Status, red: bool, message: str) -> None:
    found = check(metric=result(), served=served, serving=Serving(signature=mode))["signature"]
    assert (found.status, found.red, found.message) == (status, red, message)
    assert found.where == "mlops.yaml:serving.signature"


@pytest.mark.parametrize("served", [Served(), compared(nothing="it has none")])
def test_where_there_is_nothing_to_compare_a_warning_says_nothing(served: Served) -> None:
    assert "signature" not in check(metric=result(), served=served)


def test_a_signature_that_nobody_asks_about() -> None:
    assert "signature" not in check(metric=result(), served=compared(BREAKS), serving=Serving(signature="ignore"))


@pytest.mark.parametrize(
    ("served", "status", "message"),
    [
        (Served(refused=""), Status.PASSED, "every file is of a format that is allowed: skops"),
        (Served(refused="m.pkl is a pickle file", broken="b"), Status.FAILED, "m.pkl is a pickle file"),
        (Served(broken="no Python"), Status.ERROR, "not looked at: no Python"),
    ],
)
def test_formats(served: Served, status: Status, message: str) -> None:
    found = check(metric=result(), served=served, formats=("skops",))["serving formats"]
    assert (found.status, found.message, found.where) == (status, message, "mlops.yaml:m.serving.formats")
    assert found.red is (status is not Status.PASSED)
    assert "serving formats" not in check(metric=result(), served=served)


@pytest.mark.parametrize(
    ("looked", "status", "message"),
    [
        (Looked(refused="m.pkl is a pickle file"), Status.FAILED, "m.pkl is a pickle file"),
        (Looked(broken="no Python"), Status.ERROR, "not looked at: no Python"),
    ],
)
def test_a_candidate_that_was_not_loaded(looked: Looked, status: Status, message: str) -> None:
    evaluate = Evaluate(holdout="h", label="y", metrics=(), gates=(Gate(metric="mae", max=1.0),))
    model = Model(name="m", root=Path("/"), task="regression", evaluate=evaluate, serving={"formats": ["skops"]})
    first, *others = unloaded(Rules(model=model, where=str, where_in_model=str), looked)
    assert (first.name, first.status, first.message, looked.against != "") == ("serving formats", status, message, True)
    assert [item.name for item in others] == ["mae <= 1"]
    assert {(item.status, item.message) for item in others} == {
        (Status.SKIPPED, "not checked: the candidate was not loaded")
    }


@pytest.mark.parametrize(
    ("overlap", "allow", "status", "severity"),
    [
        (Overlap(rows=0, compared=("t",)), False, Status.PASSED, Severity.FAIL),
        (Overlap(rows=2, compared=("t",)), False, Status.FAILED, Severity.FAIL),
        (Overlap(rows=2, compared=("t",)), True, Status.FAILED, Severity.WARN),
        (Overlap(rows=None, skipped=("t has no column 'a'",)), False, Status.ERROR, Severity.WARN),
        (Overlap(rows=0, compared=("t",), skipped=("u has no column 'a'",)), False, Status.ERROR, Severity.WARN),
        (Overlap(rows=2, compared=("t",), skipped=("u has no column 'a'",)), False, Status.FAILED, Severity.FAIL),
    ],
)
def test_overlap(overlap: Overlap, allow: bool, status: Status, severity: Severity) -> None:
    found = check(metric=result(), overlap=overlap, allow_overlap=allow)["no training rows in the holdout"]
    assert (found.status, found.severity) == (status, severity)
