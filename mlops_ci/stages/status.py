"""Hold git, registry and target against each other. Git is right, then the registry, then what serves.

Each is looked at apart from the others: what one of them can't tell takes nothing away of what the others say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mlops_ci.errors import MlopsError
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving
from mlops_ci.records.status import GIT, REGISTRY, TARGET, Standing

MERGE = "mlops-ci merge"
Told = TypeVar("Told")


@dataclass(frozen=True, kw_only=True)
class Word(Generic[Told]):
    """What one of them says; `unknown` is why it says nothing, '' where it does, and `mend` the command that makes it
    known, where there is one."""

    value: Told | None = None
    unknown: str = ""
    mend: str = ""


def ask(answer: Callable[[], Told]) -> Word[Told]:
    """One's word, or why it can't be had. A hint that is a command is what mends it."""
    try:
        return Word(value=answer())
    except MlopsError as error:
        mend = error.hint if error.hint.startswith("mlops-ci ") else ""
        hint = f" ({error.hint})" if error.hint and not mend else ""
        return Word(unknown=f"{error}{hint}", mend=mend)


def stand(
    model: str,
    environment: str,
    *,
    wanted: Word[Release | None],
    alias: Word[str],
    serving: Word[Serving | None],
    undo: Callable[[Release], str] = lambda serves: "",
    approved: tuple[str, ...] | None = (),
) -> Standing:
    """One row. `undo` is the command that makes git want what serves, where what git wants was taken back at once."""
    reasons = {GIT: wanted.unknown, REGISTRY: alias.unknown, TARGET: serving.unknown}
    unknown = {name: why for name, why in reasons.items() if why}
    problem, mend = _differences(wanted, alias, serving, undo)
    if unknown and not problem:
        problem = "whether they agree is not known"
    return Standing(
        model=model,
        environment=environment,
        wanted=wanted.value,
        alias=alias.value,
        serving=serving.value,
        unknown=unknown,
        problem=problem,
        mend=wanted.mend or mend,
        approved=approved,
    )


def _differences(
    wanted: Word[Release | None], alias: Word[str], serving: Word[Serving | None], undo: Callable[[Release], str]
) -> tuple[str, str]:
    """(what is wrong, the command that mends it), '' where nothing that is known is, or no command mends it."""
    problem, mend = "", ""
    if not wanted.unknown and not serving.unknown:
        problem, mend = _served(wanted.value, serving.value, undo)
    release = wanted.value or (serving.value.release if serving.value and wanted.unknown else None)
    if problem or alias.unknown or release is None or alias.value == release.model_digest:
        return problem, mend
    sure = not wanted.unknown and not serving.unknown
    return "the registry's alias names another version", MERGE if sure else ""


def _served(wanted: Release | None, serving: Serving | None, undo: Callable[[Release], str]) -> tuple[str, str]:
    """The same of git and the target alone."""
    if wanted is None:
        return ("it serves, and git wants nothing here", MERGE) if serving is not None else ("", "")
    if serving is None:
        return f"version {wanted.version} should serve, and nothing does", MERGE
    if serving.refused == wanted.model_digest:
        return f"version {wanted.version} was taken back here, and git still wants it", undo(serving.release)
    if serving.release.model_digest != wanted.model_digest:
        return f"version {wanted.version} should serve, and version {serving.release.version} does", MERGE
    if serving.altered:
        return serving.altered, MERGE
    if serving.release != wanted:
        return f"version {wanted.version} serves, and not with the image and settings that git wants", MERGE
    return ("", "") if serving.answering else ("the server does not answer", MERGE)
