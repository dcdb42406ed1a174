"""Bring an earlier release back by a pull request that is kept current."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlops_ci.config.types import Environment, Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.ports.forge import Forge
from mlops_ci.records.living import Outcome, Proposal
from mlops_ci.records.models import Release
from mlops_ci.records.promotion import PromotionFacts
from mlops_ci.stages import living
from mlops_ci.stages.promote import Text


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """An earlier release that shall serve in `place` again, where git wants `current` (None: nobody can say).

    `files` bring it back: the release file, or, with `by_inputs`, what decided the model."""

    model: Model
    release: Release
    place: Environment
    current: Release | None
    files: Mapping[str, bytes | None] = field(repr=False)
    by_inputs: bool = False

    @property
    def title(self) -> str:
        instead = f" instead of version {self.current.version}" if self.current else ""
        return f"Roll {self.model.name} back to version {self.release.version} in {self.place.name}{instead}"


def take_back(rollback: Rollback, *, forge: Forge, base: str, text: Text, now: datetime, sequence: int) -> Outcome:
    """Open or update the one pull request of this rollback; a promotion to the same place gives way to it.

    Raises BackendError where the forge fails.
    """
    model, place = rollback.model.name, rollback.place.name
    facts = PromotionFacts(
        release=rollback.release,
        current=rollback.current,
        source=place,
        target=place,
        restored=tuple(rollback.files) if rollback.by_inputs else (),
    )
    contents = {path: _name(content) for path, content in rollback.files.items()}
    proposal = Proposal(
        key=f"rollback/{model}/{place}",
        base=base,
        title=rollback.title,
        sections=tuple(text(facts)),
        files=rollback.files,
        fingerprint=digest_of({"version": rollback.release.version, "files": contents}),
        sequence=sequence,
        quiet_for=timedelta(0),
        supersedes=(f"promote/{model}/{place}",),
    )
    return living.keep(proposal, forge=forge, now=now)


def _name(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""
