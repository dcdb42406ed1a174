"""One model's check on a commit: its verdict as title, its whole report as text."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.records.reviewing import Annotation, CheckRun
from mlops_ci.records.showing import About
from mlops_ci.report.clean import plain
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.comment import url
from mlops_ci.report.comment_sections import first_sections, folded_sections
from mlops_ci.report.fingerprint import fingerprint
from mlops_ci.report.standing import conclusion, sentence

FORK = " (fork)"  # a name of its own: a fork's claim must not satisfy a required check
BUDGET = 60_000  # bytes, for each of two texts


def check_run(model: ModelReport, about: About, annotations: Sequence[Annotation] = ()) -> CheckRun:
    """Red, or not judged, is a failure; what was skipped is neutral."""
    said = sentence(model)
    claim = "The results were made by the fork's own run." if about.fork else ""
    return CheckRun(
        name=f"mlops-ci / {about.folder}{model.model}{FORK if about.fork else ''}",
        head=about.head,
        conclusion=conclusion(model),
        title=plain(said),
        summary=_joined([claim, *first_sections(model)]) or "See the run.",
        text=_joined(list(folded_sections(model, named=False))),
        annotations=tuple(annotations),
        url=url(about.run_url),
        fingerprint=fingerprint(Report(models=(model,)), about),
    )


def _joined(blocks: Sequence[str]) -> str:
    """As many whole blocks as fit."""
    kept, room = [], BUDGET
    for block in filter(None, blocks):
        room -= len(block.encode("utf-8", "replace")) + 2
        if room < 0:
            kept.append("_The rest did not fit; the full report has everything._")
            break
        kept.append(block)
    return "\n\n".join(kept)
