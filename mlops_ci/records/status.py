"""What git, the registry and the target say of one model in one environment, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

GIT, REGISTRY, TARGET = "git", "registry", "target"  # the three that are asked


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One row. `wanted` is git's word, `alias` the model digest that the registry's alias names ('' for none),
    `serving` the target's; each is None where there is nothing, and where it is not known: then `unknown` has the
    reason, under `git`, `registry` or `target`. `problem` is '' where all are known and agree, `mend` the command that
    makes them. `approved` names who approved what git wants, None where that is not known."""

    model: str
    environment: str
    wanted: Release | None
    alias: str | None
    serving: Serving | None
    unknown: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    mend: str = ""
    approved: tuple[str, ...] | None = ()
