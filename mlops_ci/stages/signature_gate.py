"""The gate on the signature: what the config lets change for clients of the champion, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_ci.records.results import Check, Severity, Status
from mlops_ci.stages.contest import Contest
from mlops_ci.stages.rules import SIGNATURE, Rules
from mlops_ci.stages.signatures import Compared

WANTED = {"compatible": "nothing that breaks a client of the champion", "same": "the champion's signature"}


def signature_check(rules: Rules, contest: Contest, found: Sequence[Compared]) -> Iterator[Check]:
    """At most one check about all champions. Without one, a gate says that it could not look, as the others do: whether
    that is red is told by the check `champion`. What could not be told is as bad as a difference."""
    mode = rules.signature
    if mode == "ignore":
        return
    known = [item for item in found if not item.nothing]
    if not known and mode == "warn":
        return
    severity = Severity.WARN if mode == "warn" else Severity.FAIL
    place = rules.where("serving.signature")
    if not known:
        why = next((item.nothing for item in found), "there is no champion")
        yield Check(
            name=SIGNATURE, status=Status.SKIPPED, severity=Severity.WARN, message=f"not checked: {why}", where=place
        )
        return
    several = len(contest.opponents) > 1
    unknown = [_named(item, item.unknown, several=several) for item in known if item.unknown]
    changes = [_named(item, "; ".join(texts), several=several) for item in known if (texts := _counting(item, mode))]
    status = Status.FAILED if changes else Status.ERROR if unknown else Status.PASSED
    yield Check(
        name=SIGNATURE,
        status=status,
        severity=severity,
        message="; ".join([*changes, *unknown]) or _fine(known, several=several),
        expected=WANTED.get(mode, ""),
        where=place,
    )


def _counting(item: Compared, mode: str) -> list[str]:
    """The differences that are more than this gate allows."""
    return [change.text for change in item.changes if mode != "compatible" or change.breaks]


def _fine(known: Sequence[Compared], *, several: bool) -> str:
    allowed = [_named(item, "; ".join(c.text for c in item.changes), several=several) for item in known if item.changes]
    if not allowed:
        return "nothing that a client of the champion would notice"
    return f"nothing that breaks a client of the champion: {'; '.join(allowed)}"


def _named(item: Compared, text: str, *, several: bool) -> str:
    return f"{item.environment}: {text}" if several else text
