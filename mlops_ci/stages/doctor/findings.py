"""The three kinds of lines."""

from __future__ import annotations

from mlops_ci.errors import DOCS, MlopsError, UsageError
from mlops_ci.records.doctor import Finding, Level


def ok(group: str, name: str, message: str) -> Finding:
    return Finding(group=group, name=name, level=Level.OK, message=message)


def warning(group: str, name: str, message: str, cure: str) -> Finding:
    return Finding(group=group, name=name, level=Level.WARNING, message=message, cure=cure)


def error(group: str, name: str, message: str, cure: str, *, silent: bool = False) -> Finding:
    return Finding(group=group, name=name, level=Level.ERROR, message=message, cure=cure, silent=silent)


def of_error(group: str, name: str, raised: MlopsError) -> Finding:
    """An expected failure as a line: what a person set up wrong, or a back end that does not answer.

    One that answers with a 4xx is not silent: it says that something here is wrong.
    """
    cure = "; ".join(raised.hint.splitlines()) or f"see {DOCS}{raised.docs}"
    refused = 400 <= getattr(raised, "status", 0) < 500
    return error(group, name, str(raised), cure, silent=not isinstance(raised, UsageError) and not refused)
