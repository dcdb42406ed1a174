"""Reports from stored results: what they say, and what they never let through."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.io.workspace import Workspace
from mlops_ci.records.affected import Affected, Change
from mlops_ci.records.codec import encode
from mlops_ci.records.evaluation import Chart, Curve, EvaluationDetails, Flips, Interval, MetricResult, SliceResult
from mlops_ci.records.results import Check, Failure, Origin, Severity, StageResult, Status, Verdict
from mlops_ci.records.training import ParamChange, PipelineStage, TrainingDetails
from mlops_ci.records.validation import (
    ColumnChange,
    DataDiff,
    DatasetValidation,
    ExpectationResult,
    ValidationDetails,
)
from mlops_ci.report import document, html, markdown, terminal
from mlops_ci.report.collect import collect
from mlops_ci.report.headline import headline

HOSTILE = (
    "<img src=x onerror=alert(1)>|`**@team** http://evil.example \x1b[31m\u202e\n::error::x {{7*7}} ${{ secrets }}"
)
ORIGIN = Origin(commit="a" * 40, base="b" * 40, branch="better")


def metric(name: str, *, higher: bool = True) -> MetricResult:
    return MetricResult(
        metric=name,
        higher_is_better=higher,
        candidate=Interval(value=0.7123, low=0.70, high=0.72),
        champion=Interval(value=0.69, low=0.68, high=0.70),
        difference=Interval(value=0.0223, low=0.015, high=0.027),
        confidence=0.95,
        method="DeLong",
        p_value=0.00012,
        verdict=Verdict.BETTER,
    )


def evaluation(text: str, slices: int) -> EvaluationDetails:
    parts = tuple(
        SliceResult(
            by="carrier",
            value=f"{text}{i}",
            metric="roc_auc",
            rows=1000 - i,
            candidate=0.7,
            champion=0.72,
            drop=0.02,
            low=0.0,
            high=0.04,
            p_value=0.5,
            max_drop=0.03,
            tested=True,
            failed=i == 0,
        )
        for i in range(slices)
    )
    curve = Curve(name="candidate", x=(0.0, 0.5, 1.0), y=(0.0, 0.8, 1.0))
    chart = Chart(kind="roc", title="ROC", x_label="fpr", y_label="tpr", curves=(curve,), text=text)
    return EvaluationDetails(
        verdict=Verdict.BETTER,
        verdict_reason="better by roc_auc",
        task="classification",
        label="delayed",
        holdout="data/holdout.parquet",
        holdout_digest="c" * 64,
        rows=27_662,
        judgement_digest="d" * 64,
        candidate_run="e" * 32,
        candidate_digest="f" * 64,
        champion_version="3",
        metrics=(metric("roc_auc"), metric("log_loss", higher=False)),
        slices=parts,
        charts=(chart,),
        param_changes=(ParamChange(name=text, old=text, new="6"),),
        flips=Flips(mended=51, broken=32, other=0, rows=27_662),
        flips_by_slice={f"carrier = {text}0": Flips(mended=17, broken=23, other=0, rows=1000)},
        notes=(text,),
    )


def validation(text: str, expectations: int) -> ValidationDetails:
    failing = ExpectationResult(
        expectation="expect_column_values_to_be_between",
        sentence=f"{text}: values to be between",
        column=text,
        status=Status.FAILED,
        severity=Severity.FAIL,
        unexpected=3,
        total=100,
        share=0.03,
        examples=({"(row)": "7", text: text},),
    )
    diff = DataDiff(
        data="data.csv",
        champion="version 3",
        rows_old=90,
        rows_new=100,
        columns=(ColumnChange(column=text, what="retyped", old="int64", new=text),),
    )
    dataset = DatasetValidation(data=text, suite="s.json", rows=100, expectations=(failing,) * expectations, diff=diff)
    return ValidationDetails(datasets=(dataset,))


def results(
    text: str = "plain", *, slices: int = 3, expectations: int = 2, gate: Status = Status.FAILED
) -> list[StageResult]:
    affected = Affected(
        model="m",
        affected=True,
        inputs_digest="1" * 64,
        base_inputs_digest="2" * 64,
        judgement_digest="d" * 64,
        base_judgement_digest="d" * 64,
        base="b" * 40,
        changes=(Change(kind="parameter", name=text, stage="train", old="4", new=text),),
    )
    training = TrainingDetails(
        inputs_digest="1" * 64,
        model_digest="f" * 64,
        run_id="e" * 32,
        reused=False,
        environment=text,
        python="3.11.7",
        stages=(PipelineStage(name=text, action="ran"),),
        train_seconds=12.5,
        peak_memory_mb=420.0,
        model_bytes=80_000,
    )
    waived = Check(name="ece", status=Status.FAILED, message="0.2", override=f"known, {text} (ann, until 2026-03-01)")
    gates = (Check(name=f"roc_auc {text}", status=gate, message=text, where="mlops.yaml:9"), waived)
    failed = Status.FAILED if gate is not Status.PASSED else Status.PASSED
    made: list[tuple[str, Status, object, tuple[Check, ...]]] = [
        ("affected", Status.PASSED, affected, ()),
        ("validate", Status.PASSED, validation(text, expectations), ()),
        ("train", Status.PASSED, training, ()),
        ("evaluate", failed, evaluation(text, slices), gates),
    ]
    return [
        StageResult(
            stage=stage,
            model="m",
            status=status,
            reason=text,
            checks=checks,
            details=encode(record),
            origin=ORIGIN,
            seconds=1.5,
        )
        for stage, status, record, checks in made
    ]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def store(workspace: Workspace, found: list[StageResult]) -> Workspace:
    for result in found:
        workspace.write_result(result)
    return workspace


def pages(workspace: Workspace) -> Iterator[str]:
    report = collect(workspace, ["m"])
    yield markdown.render(report)
    yield html.render(report)
    yield document.render(report)
    yield terminal.render([result for model in report.models for result in model.results], width=80, color=False)


def test_red_is_red_in_every_form_although_the_verdict_is_better(workspace: Workspace) -> None:
    for page in pages(store(workspace, results())):
        assert "RED at evaluate" in page
        assert "BETTER" not in page.split("RED at evaluate")[0]


def test_green_says_the_verdict_with_its_interval(workspace: Workspace) -> None:
    for page in pages(store(workspace, results(gate=Status.PASSED))):
        assert "BETTER: roc" in page.replace("\\", "")
        assert "+0.0150" in page


def test_an_override_is_shown_with_its_reason(workspace: Workspace) -> None:
    for page in pages(store(workspace, results())):
        assert "until 2026-03-01" in page


def test_an_override_is_on_record_even_where_its_gate_was_never_reached(workspace: Workspace) -> None:
    affected, validated = results()[:2]
    text = "known (ann, until 2026-03-01)"
    waived = Check(name="override of 'ece'", status=Status.SKIPPED, severity=Severity.WARN, message=text)
    for page in pages(store(workspace, [dataclasses.replace(affected, checks=(waived,)), validated])):
        assert "until 2026-03-01" in page


def test_rows_that_flipped_are_told_by_slice(workspace: Workspace) -> None:
    for page in pages(store(workspace, results())):
        assert "17 / 23" in page or '"mended": 17' in page


def test_every_data_set_that_could_not_be_read_says_why(workspace: Workspace) -> None:
    broken = [
        DatasetValidation(data=f"{name}.csv", suite="s", rows=-1, expectations=(), error=f"{name} is empty")
        for name in "ab"
    ]
    found = results()[:2]
    found[1] = dataclasses.replace(found[1], details=encode(ValidationDetails(datasets=tuple(broken))))
    for page in pages(store(workspace, found)):
        assert "a is empty" in page
        assert "b is empty" in page


def test_the_terminal_tells_the_differences_the_digests_and_how_to_judge_again(workspace: Workspace) -> None:
    page = list(pages(store(workspace, results())))[-1]
    assert "against version 3's data: 90 → 100 rows" in page
    assert "plain retyped: int64 → plain" in page
    assert "parameter plain: plain → 6" in page
    assert f"model {'f' * 12}, holdout {'c' * 12}" in page
    assert f"git checkout {'a' * 12} && mlops-ci pull-request --model m" in page


def test_an_error_page_tells_what_happened_and_what_to_do(workspace: Workspace) -> None:
    failure = Failure(message="stage 'train' failed with exit 1", hint="its last lines:\n| KeyError: 'x'", exit_code=3)
    failed = StageResult(stage="train", model="m", status=Status.ERROR, reason=failure.message, failure=failure)
    for page in pages(store(workspace, [*results()[:2], failed])):
        assert "stage 'train' failed with exit 1" in page.replace("&#39;", "'").replace("\\", "")
        assert "KeyError" in page


def test_hostile_text_is_shown_as_text(workspace: Workspace) -> None:
    store(workspace, results(HOSTILE))
    report = collect(workspace, ["m"])
    page = html.render(report)
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert "\u202e" not in page
    text = markdown.render(report)
    assert not re.search(r"(?<!\\)<img", text)
    assert "@team" not in text
    assert "http://evil" not in text
    shown = terminal.render([r for m in report.models for r in m.results], width=80, color=False)
    assert "\x1b" not in shown
    assert "\n::error" not in shown + text


def test_every_markdown_table_keeps_its_columns(workspace: Workspace) -> None:
    text = markdown.render(collect(store(workspace, results("a|b\nc")), ["m"]))
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
        assert len(counts) == 1, block


def test_markdown_keeps_its_budget_and_says_what_is_left_out(workspace: Workspace) -> None:
    text = markdown.render(collect(store(workspace, results("x" * 5000, slices=500, expectations=2000)), ["m"]))
    assert len(text.encode()) <= markdown.BUDGET
    assert "RED at evaluate" in text
    short = markdown.render(collect(workspace, ["m"]), budget=2500)
    assert "did not fit" in short


def test_html_is_small_whole_and_the_same_each_time(workspace: Workspace) -> None:
    report = collect(store(workspace, results(slices=500, expectations=10_000)), ["m"])
    page = html.render(report)
    assert page == html.render(report)
    assert len(page.encode()) < 1_500_000
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_stages_of_different_commits_are_told(workspace: Workspace) -> None:
    found = results()
    found[1] = dataclasses.replace(found[1], origin=Origin(commit="9" * 40))
    for page in list(pages(store(workspace, found)))[:3]:
        assert "different commits" in page


def test_a_broken_result_is_an_error_and_no_crash(workspace: Workspace) -> None:
    store(workspace, results(gate=Status.PASSED))
    workspace.result_path("m", "evaluate").write_text('{"version": 1}')
    assert "ERROR" in headline(collect(workspace, ["m"]).models[0].results)
