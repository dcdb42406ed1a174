"""What git, the registry and the target say of one model in one environment, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One row. `wanted` is git's word, `alias` the model digest that the registry's alias names ('' for none, None
    where the registry did not answer), `serving` the target's. `problem` is '' where they agree, `mend` the command
    that makes them. `approved` names who approved the promotion that git wants."""

    model: str
    environment: str
    wanted: Release | None
    alias: str | None
    serving: Serving | None
    problem: str = ""
    mend: str = ""
    approved: tuple[str, ...] = ()
