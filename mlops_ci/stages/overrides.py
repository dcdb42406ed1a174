"""Overrides: gates that are waived for a while, on the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from mlops_ci.config.types import Override
from mlops_ci.errors import ConfigError, did_you_mean
from mlops_ci.records.results import Check, Severity, Status


def verify_overrides(
    overrides: Sequence[Override], names: Sequence[str], *, today: date, where: Callable[[str], str]
) -> None:
    """Raises ConfigError for an override that is expired (`expires` is its last day), or names no gate."""
    for index, override in enumerate(overrides):
        place = where(f"overrides[{index}]")
        if override.gate not in names:
            raise ConfigError(
                f"an override names no gate: '{override.gate}'",
                hint=did_you_mean(override.gate, names, f"gates: {', '.join(names) or 'none'}"),
                docs="evaluation.md#overrides",
                where=place,
            )
        if date.fromisoformat(override.expires) < today:
            raise ConfigError(
                f"the override of '{override.gate}' expired on {override.expires}",
                hint="remove it, or decide anew and give it a later day",
                docs="evaluation.md#overrides",
                where=place,
            )


def apply_overrides(checks: Sequence[Check], overrides: Sequence[Override]) -> tuple[Check, ...]:
    """Write each override into the check it waives; a check that passes needs none."""
    waived = {item.gate: _words(item) for item in overrides}
    return tuple(
        replace(check, override=waived[check.name])
        if check.name in waived and check.status is not Status.PASSED
        else check
        for check in checks
    )


def on_record(overrides: Sequence[Override], where: Callable[[str], str]) -> tuple[Check, ...]:
    """Each override as a warning of its own: every report shows it, whether its gate was reached or not."""
    return tuple(
        Check(
            name=f"override of '{item.gate}'",
            status=Status.SKIPPED,
            severity=Severity.WARN,
            message=_words(item),
            where=where(f"overrides[{index}]"),
        )
        for index, item in enumerate(overrides)
    )


def _words(override: Override) -> str:
    return f"{override.reason} ({override.author}, until {override.expires})"
