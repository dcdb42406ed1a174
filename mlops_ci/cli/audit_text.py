"""An audit for a person: the answer first, then what it rests on. Whatever names say, no escape code gets through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_ci.records.audit import Audited, Claim, Facts, Known, Landing
from mlops_ci.report.clean import plain

UNKNOWN = "unknown"


def lines(row: Audited) -> Iterator[str]:
    """One place, about a dozen lines."""
    yield f"{row.model} in {row.environment} at {row.at}"
    yield _line("served", _claim(row.served))
    yield _line("git wanted", _claim(row.wanted))
    if row.answer.known is not Known.NOTHING:
        yield from map(_row, _landing(row.landing))
        yield from map(_row, _facts(row.facts or Facts()))
    for note in row.notes:
        yield _line("note", note)


def _line(name: str, text: str) -> str:
    return f"  {name:<13} {plain(text)}"


def _row(pair: tuple[str, str]) -> str:
    return _line(*pair)


def _claim(claim: Claim) -> str:
    if claim.known is Known.UNKNOWN:
        return f"{UNKNOWN}: {claim.why}"
    until = f", until {_time(claim.until)}" if claim.until else ""
    if claim.known is Known.NOTHING:
        since = f" since {_time(claim.since)}" if claim.since else ""
        return f"nothing{since}{until}"
    since = _time(claim.since) if claim.since else UNKNOWN
    return f"version {claim.version} (model {claim.model_digest[:12]}) since {since}{until}"


def _time(text: str) -> str:
    """To the second: the journal counts microseconds."""
    return f"{text[:19]}Z"


def _landing(landing: Landing | None) -> Iterator[tuple[str, str]]:
    if landing is None:
        yield "brought by", UNKNOWN
        yield "approved by", UNKNOWN
        return
    yield "brought by", f"{landing.commit[:12]} {landing.subject}"
    yield "", f"committed {landing.at} by {landing.committer}"
    if landing.approved is None:
        why = f"{landing.commit[:12]} has no line 'Approved-by:', and its version no note of who approved"
        yield "approved by", f"{UNKNOWN}: {why}"
    else:
        yield "approved by", ", ".join(landing.approved) or "nobody"


def _facts(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "code", facts.commit or UNKNOWN
    yield "inputs", facts.inputs_digest or UNKNOWN
    yield "run", facts.run_id or UNKNOWN
    yield "judged", f"{facts.verdict or UNKNOWN}, by rules {(facts.judgement or UNKNOWN)[:12]}"
    yield "holdout", facts.holdout or UNKNOWN
    yield from _data(facts.data)


def _data(data: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    if not data:
        yield "data", UNKNOWN if data is None else "none: its inputs are code alone"
        return
    for place, (path, name) in enumerate(sorted(data.items())):
        yield "data" if place == 0 else "", f"{path}  {name}"
