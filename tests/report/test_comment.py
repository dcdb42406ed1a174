"""The comment on a pull request: what it says first, what it never says, and what can't get through it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from mlops_ci.io.workspace import Workspace
from mlops_ci.records.codec import encode
from mlops_ci.records.results import Check, Failure, Origin, Severity, StageResult, Status
from mlops_ci.records.reviewing import Conclusion
from mlops_ci.records.showing import About
from mlops_ci.report import comment, mermaid
from mlops_ci.report.check_run import check_run
from mlops_ci.report.clean import code, line
from mlops_ci.report.collect import ModelReport, Report, collect, of_commits
from mlops_ci.report.fingerprint import fingerprint
from mlops_ci.report.standing import Standing, standing
from tests.report.rendered import harmless, rendered
from tests.report.test_reports import evaluation, results, store

RUN = "https://github.example.com/acme/models/actions/runs/7"
HEAD = "a" * 40
SNAPSHOT = Path(__file__).with_name("snapshots") / "comment.md"
NO_URLS = ("javascript:alert(1)", "https://x.example/a) [b](http://evil", "http://a@b/", "x y", "")
HOSTILE = {
    "markup": "<img src=x onerror=alert(1)>|`**bold** [x](http://evil.example) ~~s~~ <!-- -->",
    "mention": "@team &#64;team @\u200bteam `@team` \\@team a@team.example",
    "reference": "#1 GH-12 acme/models#3 &#35;4 https://github.com/acme/models/pull/5 www.evil.example",
    "commands": "x\n::set-output name=a::b\n##[error]x\r\n::error::y ${{ github.token }} $(id) `id` {{7*7}}",
    "table": "a|b\n|c|d|\\|e\\\\|f\n\n---\n\n# Title\n\n- [ ] task",
    "direction": "abc\u202egpj.exe\u2066\u2069\u200f\x1b[31mred\x1b[0m\x00\x07",
    "fence": '```\n</details></summary>\n~~~\n````mermaid\nclick A href "javascript:alert(1)"\n```',
    "long": "n" * 5_000,
    "long markup": "|<`@" * 1_250,
}


def about(**changed: object) -> About:
    made = About(head=HEAD, pull=3, expected=("m",), commits=(HEAD,), run_url=RUN)
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def report(*found: StageResult, also: tuple[ModelReport, ...] = ()) -> Report:
    return Report(models=(ModelReport(model="m", results=found), *also))


def first_line(text: str) -> str:
    return text.split("\n", 1)[0].replace("\\", "")


def test_it_is_as_it_was_reviewed() -> None:
    """To accept a change, look at the difference and write the new text there."""
    assert comment.render(report(*results()), about()) == SNAPSHOT.read_text("utf-8")


def test_the_verdict_is_in_the_first_line() -> None:
    assert first_line(comment.render(report(*results()), about())).startswith("## ❌ m: RED at evaluate: roc_auc")
    green = comment.render(report(*results(gate=Status.PASSED)), about())
    assert first_line(green).startswith("## ✅ m: BETTER: roc_auc +0.0223 [+0.0150, +0.0270] against version 3")


def test_of_several_models_the_red_one_comes_first() -> None:
    green = ModelReport(model="green", results=tuple(results(gate=Status.PASSED)))
    lost = ModelReport(model="lost", results=())
    text = comment.render(Report(models=(green, lost, *report(*results()).models)), about())
    assert first_line(text) == "## ❌ 3 models: 1 red, 1 not judged, 1 better"
    rows = [line.split(" | ")[1] for line in text.splitlines() if line.startswith(("| ✅ |", "| ❌ |", "| ❔ |"))][:3]
    assert rows == ["m", "lost", "green"]
    assert [line for line in text.splitlines() if line.startswith("### ")][:2] == ["### ❌ m", "### ✅ green"]


@pytest.mark.parametrize("stages", [0, 1, 2, 3])
def test_what_did_not_come_to_a_verdict_is_not_judged(stages: int) -> None:
    made = report(*results(gate=Status.PASSED)[:stages])
    text = comment.render(made, about())
    assert first_line(text).startswith("## ❔ m: NOT JUDGED: the run ended ")
    assert "the run's log tells why" in text
    check = check_run(made.models[0], about())
    assert (check.conclusion, check.url) == (Conclusion.FAILURE, RUN)


def test_numbers_of_another_commit_are_not_shown() -> None:
    old = [dataclasses.replace(item, origin=Origin(commit="b" * 40)) for item in results(gate=Status.PASSED)]
    for found in (old, [*results()[:2], *old[2:]]):
        text = comment.render(of_commits(report(*found), (HEAD,)), about())
        assert "NOT JUDGED" in first_line(text)
        assert "are of another commit" in text
        assert "+0.0223" not in text
    assert of_commits(report(*old), ()) == report(*old)


def test_no_affected_model_and_a_run_that_could_not_tell() -> None:
    nothing = comment.render(Report(models=()), about(expected=()))
    assert first_line(nothing) == "## ⏭️ No model is affected"
    unknown = comment.render(Report(models=()), about(expected=None))
    assert first_line(unknown) == "## ❔ Nothing was judged"
    for text in (nothing, unknown):
        assert HEAD[:12] in text
        assert RUN in text


def test_an_error_says_what_to_do() -> None:
    failure = Failure(message="stage 'train' failed with exit 1", hint="| KeyError: 'x'", exit_code=3)
    failed = StageResult(stage="train", model="m", status=Status.ERROR, reason=failure.message, failure=failure)
    text = comment.render(report(*results()[:2], failed), about())
    assert first_line(text) == "## 💥 m: ERROR in train: stage 'train' failed with exit 1"
    assert "KeyError" in text


def test_a_waived_gate_is_on_record_and_a_stage_without_rules_is_neutral() -> None:
    assert "until 2026-03-01" in comment.render(report(*results(gate=Status.PASSED)), about())
    skipped = StageResult(stage="evaluate", model="m", status=Status.SKIPPED, reason="no 'evaluate:'")
    made = report(*results()[:3], skipped)
    assert standing(made.models[0]) is Standing.SKIPPED
    assert check_run(made.models[0], about()).conclusion is Conclusion.NEUTRAL


def test_a_fork_s_results_are_called_its_claim() -> None:
    made = report(*results(gate=Status.PASSED))
    assert "read them as its claim" in comment.render(made, about(fork=True))
    assert check_run(made.models[0], about(fork=True)).summary.startswith(
        "The results were made by the fork's own run."
    )


def test_the_budget_is_kept_with_every_block_whole() -> None:
    many = [ModelReport(model=f"m-{i}", results=tuple(results("ä" * 90, slices=60))) for i in range(40)]
    text = comment.render(Report(models=tuple(many)), about())
    assert 50_000 < len(text.encode()) <= comment.BUDGET
    assert f"sections did not fit; [the full reports]({RUN}#artifacts) have everything._" in text
    harmless(text, links=RUN)
    assert text.count("```") % 2 == 0
    assert len([line for line in text.splitlines() if line.startswith("| ❌ | m-")]) == 40, "the table is there whole"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_from_outside_gets_through(text: str) -> None:
    found = results(text, slices=4)
    failure = Failure(message=text, hint=f"{text}\n{text}", where=text)
    broken = StageResult(
        stage=text, model=text, status=Status.ERROR, reason=text, failure=failure, origin=found[0].origin
    )
    lost = ModelReport(model=text, results=(broken,), notes=(text,))
    page = comment.render(report(*found, also=(lost,)), about(folder=text, run_url=RUN))
    assert len(page.encode()) <= comment.BUDGET
    harmless(page, links=RUN)
    for model in (*report(*found).models, lost):
        check = check_run(model, about())
        harmless(check.summary)
        harmless(check.text)


@pytest.mark.parametrize("url", NO_URLS)
def test_a_link_that_is_none_is_left_out(url: str) -> None:
    text = comment.render(report(*results()), about(run_url=url))
    assert not harmless(text).targets


def test_a_chart_says_something_or_is_not_there() -> None:
    parts = evaluation('<b>"];\nclick', 5).slices
    (chart,) = mermaid.drops(parts)
    assert re.search(r'x-axis \["carrier bclick0"(, "carrier bclick\d"){4}\]', chart)
    assert set(re.sub(r'[\w\s".,:;\[\]>-]', "", chart.replace("```", ""))) == set()
    assert mermaid.drops(parts[:2]) == []
    assert mermaid.drops([dataclasses.replace(item, drop=0.0) for item in parts]) == []


def test_slices_of_other_limits_have_a_chart_of_their_own() -> None:
    """First the one that lost most of what it may lose; one slice alone is in the table only."""
    parts = evaluation("x", 4).slices  # lost 0.02 of 0.03
    others = [dataclasses.replace(item, max_drop=0.021, by="hour") for item in parts]
    alone = dataclasses.replace(parts[0], metric="log_loss")
    first, second = mermaid.drops([*parts, *others, alone])
    assert '"hour x0"' in first
    assert '"carrier x0"' not in first
    assert '"carrier x0"' in second
    none_allowed = [dataclasses.replace(item, max_drop=0.0, drop=0.001, by="none") for item in parts]
    assert '"none x0"' in mermaid.drops([*parts, *none_allowed])[0]


@pytest.mark.parametrize("text", ["- a", "+ a", "=== a", "12. a", "3) a", "---", "    code", "* a", "# a", "> a"])
def test_a_line_from_outside_is_a_paragraph(text: str) -> None:
    assert rendered(f"> above\n> {line(text)}\n").tags == {"blockquote", "p"}


def test_a_span_of_code_ends_where_it_should() -> None:
    assert code("a`b|c\n`") == "`abc`"
    assert code("``") == "–"


def test_a_result_that_says_it_is_another_model_s_is_not_read(tmp_path: Path) -> None:
    workspace = store(Workspace(tmp_path), results(gate=Status.PASSED))
    path = workspace.result_path("n", "evaluate")
    path.parent.mkdir()
    path.write_bytes(workspace.result_path("m", "evaluate").read_bytes())
    (found,) = collect(workspace, ["n"]).models
    assert standing(found) is Standing.ERROR
    assert "it says that it is the result of evaluate of m" in found.notes[0]


def test_a_run_that_finds_the_same_again_has_nothing_new() -> None:
    first = results()
    again = [dataclasses.replace(item, seconds=9.0, cpu_seconds=8.0, started="later") for item in first]
    train = {**again[2].details, "reused": True, "train_seconds": None}
    again[2] = dataclasses.replace(again[2], details=train)
    same = fingerprint(report(*first), about())
    assert fingerprint(report(*again), about(run_url="https://other.example")) == same
    assert fingerprint(report(*first), about(head="b" * 40)) != same
    assert fingerprint(report(*first[:3]), about()) != same
    assert fingerprint(report(*results(gate=Status.PASSED)), about()) != same
    other = [*first[:3], dataclasses.replace(first[3], details=encode(evaluation("other", 3)))]
    assert fingerprint(report(*other), about()) != same


def test_a_warning_is_no_failure() -> None:
    waived = Check(name="size", status=Status.FAILED, severity=Severity.WARN, message="large")
    found = results(gate=Status.PASSED)
    found[3] = dataclasses.replace(found[3], checks=(*found[3].checks, waived))
    assert check_run(report(*found).models[0], about()).conclusion is Conclusion.SUCCESS
