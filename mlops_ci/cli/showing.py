"""What a run's reviewers see, wired: results to texts, texts to the forge, and what became of them to the terminal.

It decides nothing: no gate turns green by it, and what GitHub refuses is a warning.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_ci.cli import log
from mlops_ci.cli.announce import OUTPUTS, SUMMARY_BYTES, append, findings, folder, summarise
from mlops_ci.cli.console import Console
from mlops_ci.cli.session import Session
from mlops_ci.errors import UsageError
from mlops_ci.github.commands import Annotation as Command
from mlops_ci.github.commands import annotate
from mlops_ci.github.context import GitHubContext, context
from mlops_ci.github.outputs import render
from mlops_ci.ports.reviewing import Reviewing
from mlops_ci.records.reviewing import Annotation, Level
from mlops_ci.records.showing import About, Commented, Publication, Shown
from mlops_ci.report import begun, comment
from mlops_ci.report.check_run import check_run
from mlops_ci.report.clean import plain
from mlops_ci.report.collect import ModelReport, Report, collect, of_commits
from mlops_ci.report.fingerprint import fingerprint
from mlops_ci.report.standing import Standing, standing
from mlops_ci.stages.show import begin, show

LONGEST_PATH = 1_000
BEGUN = "is about an older commit, and says so: judging has begun of"
LEVELS = {"error": Level.FAILURE, "warning": Level.WARNING, "notice": Level.NOTICE}


def publish(report: Report, about: About, *, reviewing: Reviewing) -> Shown:
    """Show a report to the reviewers of its commit. `report` has one entry for every expected model, those without
    results too. Writes only what is not there yet, and raises nothing of GitHub's."""
    report = of_commits(report, about.commits)
    checks = tuple(check_run(model, about, list(places(model, about))) for model in report.models)
    publication = Publication(
        head=about.head,
        pull=about.pull,
        marker=marker(about),
        comment=comment.render(report, about),
        fresh=bool(report.models) or about.expected is None,
        checks=checks,
        fingerprint=fingerprint(report, about),
    )
    return show(publication, reviewing=reviewing)


def marker(about: About) -> str:
    """One comment a config: a repository may have several. Paths may hold what ends an HTML comment."""
    place = f"{about.folder}{about.config}"
    return "report" if place == "mlops.yaml" else f"report-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def places(model: ModelReport, about: About) -> Iterator[Annotation]:
    """What was found, at its line; what has no place in the repository is in the check's summary alone."""
    for result in model.results:
        for item in findings(result, about.folder):
            if not inside(item.file):
                continue
            yield Annotation(
                path=item.file,
                line=item.line or 1,
                level=LEVELS[item.level],
                title=item.title,
                message="\n".join(map(plain, item.message.splitlines())),
            )


def inside(path: str) -> bool:
    """Whether this can be a file of the repository: GitHub refuses the whole check for one that can't."""
    parts = path.split("/")
    return path.isprintable() and len(path) <= LONGEST_PATH and not {"", ".", ".."}.intersection(parts)


def publish_gathered(session: Session, expected: tuple[str, ...] | None, names: Sequence[str]) -> None:
    """Publish what other jobs judged; the workflow gets the outputs and the summary of all of them."""
    around = context(os.environ)
    about = about_run(session, around, expected)
    report = of_commits(collect(session.workspace, names), about.commits)
    announce_report(report, about)
    publish_here(session, around, about, report)


def mark_begun(about: About, *, reviewing: Reviewing) -> Shown:
    """Where the comment is an older commit's, let it say that the run of this one has begun. Raises nothing of
    GitHub's."""
    note = Publication(head=about.head, pull=about.pull, marker=marker(about), comment=begun.render(about))
    return begin(note, reviewing=reviewing)


def publish_judged(session: Session, names: Sequence[str]) -> None:
    """Publish what this very run has judged."""
    around = context(os.environ)
    publish_here(session, around, about_run(session, around, tuple(names)), collect(session.workspace, names))


def publish_here(session: Session, around: GitHubContext, about: About, report: Report) -> None:
    """Publish a report from this job, if it may, and tell what became of it."""
    console = session.console
    reviewing = session.reviewing
    if reviewing is None:
        console.say("nothing is published: the pull requests live in this repository, not on GitHub")
    elif around.fork:
        console.say("nothing is published from here: a fork's run may not write; the workflow 'publish' does")
    else:
        tell(console, publish(report, about, reviewing=reviewing), about)


def announce_report(report: Report, about: About) -> None:
    """The outputs of a job that gathers what others judged: `passed` only where every expected model was judged and
    none is red. The summary is the comment, with room for more."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        found = dict.fromkeys(OUTPUTS, "")
        green = all(standing(model) in (Standing.PASSED, Standing.SKIPPED) for model in report.models)
        known = bool(report.models) or about.expected is not None
        found["passed"] = "true" if green and known else "false"
        found["skipped"] = "true" if known and not report.models else "false"
        found["models"] = json.dumps([model.model for model in report.models])
        append(Path(path), render(found))
    summarise(comment.render(report, about, budget=SUMMARY_BYTES))


def about_run(session: Session, around: GitHubContext, expected: tuple[str, ...] | None) -> About:
    """This job. Raises UsageError where the environment names no commit."""
    if not around.head:
        raise UsageError(
            "--publish needs the commit that it is about: GITHUB_SHA is not set",
            hint="GitHub Actions sets it; elsewhere leave --publish out",
            docs="github.md#what-a-reviewer-sees",
        )
    return About(
        head=around.head,
        pull=around.pull,
        expected=expected,
        commits=(around.head, around.sha, session.git.head()),
        folder=folder(session),
        config=session.config.path.name,
        run_url=around.run_url,
    )


def tell(console: Console, shown: Shown, about: About, written: str = "is about") -> None:
    """What became of it; a problem is a warning, and an annotation where there is a workflow."""
    said = {
        Commented.WRITTEN: f"the comment of pull request {about.pull} {written} {about.head[:12]}",
        Commented.NOT_NEEDED: "no comment is needed",
        Commented.SUPERSEDED: f"superseded: pull request {about.pull} has moved on from {about.head[:12]}; "
        "nothing was written",
        Commented.FAILED: "the comment could not be written",
    }
    console.say(f"published: {said[shown.comment]}")
    for url in shown.checks:
        console.say(f"check: {plain(url)}")
    if console.actions:
        warnings = [Command(level="warning", title="mlops-ci report", message=text) for text in shown.problems]
        for line in annotate(warnings):
            log.command(line)
    else:
        for text in shown.problems:
            console.say(f"warning: {text}")
