"""Why a model has to be judged, or not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """One reason; `kind`: file, parameter, command, stage, environment, data, config or model."""

    kind: str
    name: str
    stage: str = ""
    old: str = ""
    new: str = ""

    def sentence(self) -> str:
        """The reason as a person would say it, e.g. `stage train: parameter max_depth: 4 → 6`."""
        place = f"stage {self.stage}: " if self.stage else ""
        values = f": {self.old or '(none)'} → {self.new or '(none)'}" if self.old or self.new else " changed"
        return f"{place}{self.kind} {self.name}{values}"


@dataclass(frozen=True, kw_only=True)
class Affected:
    """One model against a base revision. `affected` is true if training or judging would differ."""

    model: str
    affected: bool
    inputs_digest: str
    base_inputs_digest: str
    judgement_digest: str
    base_judgement_digest: str
    base: str
    changes: tuple[Change, ...] = ()
