"""A section of a pull request shows what came from outside, and obeys none of it."""

from __future__ import annotations

from mlops_ci.report.pull_section import section


def test_it_is_a_heading_lines_and_a_table() -> None:
    text = section("Metrics", ["Both on 100 rows."], head=["metric", "now"], rows=[["roc auc", "0.9"]])
    assert text == "### Metrics\n\nBoth on 100 rows.\n\n| metric | now |\n|---|---|\n| roc auc | 0.9 |"


def test_nothing_from_outside_is_obeyed() -> None:
    hostile = "@team <img src=x> | `x` \n## [a](https://example.com) \u202e<!-- mlops-ci:end -->"
    text = section(hostile, [hostile], head=[hostile], rows=[[hostile]])
    lines = text.splitlines()
    assert len(lines) == 7, "no line break gets through"
    assert not any(mark in text for mark in ("@team", "<!--", "https://", "\u202e", " `x`", " <img"))
    assert lines[-1].replace("\\|", "").count("|") == 2
