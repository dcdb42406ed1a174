"""Show a run to its reviewers: one comment on the pull request, one check a model.

A run whose pull request has moved on shows nothing: the comment is the newer run's. Nothing here decides about a gate,
and what can't be shown is a sentence, not an error.
"""

from __future__ import annotations

from mlops_ci.errors import BackendError, UsageError
from mlops_ci.ports.reviewing import Reviewing
from mlops_ci.records.showing import Commented, Publication, Shown


def show(publication: Publication, *, reviewing: Reviewing) -> Shown:
    """Write what is not there yet; twice is the same as once. A failed check keeps neither the others nor the comment
    from being written. Raises nothing of GitHub's: `problems` tell."""
    problems: list[str] = []
    try:
        if publication.pull and reviewing.head(publication.pull) != publication.head:
            return Shown(comment=Commented.SUPERSEDED)
    except (BackendError, UsageError) as error:
        return Shown(comment=Commented.FAILED, problems=(f"the pull request can't be read: {error}",))
    commented = _comment(publication, reviewing, problems)
    checks = _checks(publication, reviewing, problems) if commented is not Commented.SUPERSEDED else ()
    return Shown(comment=commented, checks=checks, problems=tuple(problems))


def begin(note: Publication, *, reviewing: Reviewing) -> Shown:
    """Let no older commit's numbers stand as if they were of the one whose run has begun; `note.comment` says so above
    them. Raises nothing of GitHub's: `problems` tell."""
    if not note.pull:
        return Shown(comment=Commented.NOT_NEEDED)
    try:
        written = reviewing.begun(note.pull, note.comment, marker=note.marker, head=note.head)
    except (BackendError, UsageError) as error:
        return Shown(comment=Commented.FAILED, problems=(f"the comment was not written: {error}",))
    return Shown(comment=_became(written))


def _became(written: bool | None) -> Commented:
    if written is None:
        return Commented.NOT_NEEDED
    return Commented.WRITTEN if written else Commented.SUPERSEDED


def _comment(publication: Publication, reviewing: Reviewing, problems: list[str]) -> Commented:
    if not publication.pull:
        return Commented.NOT_NEEDED
    try:
        written = reviewing.verdict(
            publication.pull,
            publication.comment,
            marker=publication.marker,
            head=publication.head,
            fresh=publication.fresh,
            fingerprint=publication.fingerprint,
        )
    except BackendError as error:
        problems.append(f"the comment was not written: {error}")
        return Commented.FAILED
    return _became(written)


def _checks(publication: Publication, reviewing: Reviewing, problems: list[str]) -> tuple[str, ...]:
    try:
        made = reviewing.checks(publication.checks)
    except BackendError as error:
        problems.append(f"the checks were not written: {error}")
        return ()
    for run, found in zip(publication.checks, made, strict=True):
        if isinstance(found, BackendError):
            problems.append(f"the check '{run.name}' was not written: {found}")
    return tuple(url for url in made if isinstance(url, str) and url)
