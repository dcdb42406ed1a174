"""What a promotion's pull request says of two releases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.records.promotion import Judged, PromotionFacts
from mlops_ci.report.promotion_text import sections
from tests.stages.releasing import details, metric, release

SECOND = details(2, metric("roc_auc", 0.8, champion=0.7), metric("mine", 3.0), against=1)
FACTS = PromotionFacts(
    release=release(2, verdict="better"),
    current=release(1),
    source="staging",
    target="production",
    judged=Judged(release=release(2), details=SECOND),
    judged_now=Judged(release=release(1), details=details(1, metric("roc_auc", 0.69))),
    proven_in="staging",
    since="2026-03-01T12:00:00Z",
    soak="12h",
    approvals=2,
    approved=("Ann <ann@example.com>",),
)


def text(facts: PromotionFacts) -> str:
    return "\n\n".join(sections(facts))


def test_one_that_was_judged_against_what_serves_shows_both_on_the_same_rows_and_the_difference() -> None:
    said = text(FACTS)
    assert (
        r"| roc\_auc | 0.7000 \[0.6000, 0.8000\] | 0.8000 \[0.7000, 0.9000\] | +0.1000 \[+0.0900, +0.1100\] |" in said
    )
    assert r"| mine | – | 3.000 \[2.900, 3.100\] | – |" in said
    assert r"Version 2 was judged on 1,500 rows of data/h.csv (hhhhhhhhhhhh), against version 1." in said
    assert "can't be compared" not in said


def test_others_show_each_as_it_was_judged_and_say_so() -> None:
    alone = replace(FACTS, judged=Judged(release=release(2), details=details(2, metric("roc_auc", 0.8), against=3)))
    said = text(alone)
    assert r"| roc\_auc | 0.6900 \[0.5900, 0.7900\] | 0.8000 \[0.7000, 0.9000\] | – |" in said
    assert "was not judged against what serves here now" in said
    elsewhere = Judged(release=release(1), details=details(1, metric("roc_auc", 0.69), holdout="g"))
    assert "on different holdouts: the two columns" in text(replace(alone, judged_now=elsewhere))


def test_what_cannot_be_had_is_told_with_the_reason() -> None:
    said = text(replace(FACTS, judged=Judged(release=release(2), reason="its run keeps no judgement")))
    assert "Version 2: the metrics can't be had: its run keeps no judgement." in said
    assert r"| roc\_auc | 0.6900 \[0.5900, 0.7900\] | – | – |" in said, "the other one's are shown"


@pytest.mark.parametrize(
    ("changed", "rows"),
    [
        ({}, ["| serves in staging | 12h | since 2026-03-01T12:00:00Z |", "| approvals | 2 | Ann \\<ann@\u2060"]),
        (
            {"soak": "", "since": "", "approvals": 0, "approved": ()},
            ["| serves in staging | – | not now |", "| approvals | – | nobody's |"],
        ),
    ],
)
def test_what_is_asked_for_stands_beside_what_there_is(changed: dict[str, object], rows: list[str]) -> None:
    said = text(replace(FACTS, **changed))  # type: ignore[arg-type]
    assert all(row in said for row in rows), said


def test_the_one_line_that_takes_it_back_is_one_to_copy() -> None:
    assert "\n    mlops-ci rollback --model toy --environment production" in text(FACTS)


def test_a_rollback_asks_for_nothing_and_names_what_it_restores() -> None:
    facts = PromotionFacts(
        release=release(1, commit="0123456789abcdef"),
        current=release(2),
        source="staging",
        target="staging",
        restored=("params.yaml", "a|b @team.py"),
    )
    said = text(facts)
    assert "served here before" in said
    assert "as of commit 0123456789ab: params.yaml, a\\|b @\u2060team.py." in said
    assert "asked for" not in said
    assert "mlops-ci rollback" not in said, "that would go back further"
    assert "judged on" not in said


def test_a_first_release_stands_alone() -> None:
    said = text(replace(FACTS, current=None, judged_now=None))
    assert "How it was judged" in said
    assert "different holdouts" not in said


@pytest.mark.parametrize("source", ["staging", "production"])
def test_where_nothing_is_to_serve_taking_it_back_stops_serving(source: str) -> None:
    said = text(replace(FACTS, current=None, judged_now=None, source=source))
    assert "`git revert` of the merge stops serving here." in said
    assert "mlops-ci rollback" not in said, "there is nothing to go back to"
    assert "served again" not in said
