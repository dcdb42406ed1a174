"""A story of drift for tests: windows that breach, a source of data, and a workshop whose work is one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Model, Retrain
from mlops_ci.digests.canonical import digest_of
from mlops_ci.io import clock
from mlops_ci.ports.forge import Forge
from mlops_ci.records.codec import encode
from mlops_ci.records.drift import Decay, DriftDetails, Signal, Window, WindowResult
from mlops_ci.records.results import Check, StageResult, Status
from mlops_ci.records.retraining import Challenger, DataChange
from mlops_ci.report.retrain_text import sections
from mlops_ci.stages.living_state import Seen
from mlops_ci.stages.retrain import Case, Workshop, retrain
from tests.backends.forge_place import ForgePlace

BRANCH = "mlops-ci/retrain/toy"
DATA = "data.csv.dvc"
CODE = "kept.txt"


@dataclass
class Story:
    """What a test changes between runs. `meanwhile` is called while a challenger is made; `made` counts them."""

    place: ForgePlace
    start: datetime = field(default_factory=lambda: clock.now())
    states: list[str] = field(default_factory=lambda: ["fine", "breach", "breach"])
    stale: bool = False
    band: int = 1
    source: str = "1"
    verdict: str = "better"
    red: bool = False
    fresh: str = ""
    quiet: bool = False
    unlabelled: bool = False
    metric: str = ""
    columns: tuple[str, ...] = ("a", "b")
    meanwhile: Callable[[], object] = lambda: None
    made: int = 0

    @property
    def forge(self) -> Forge:
        return self.place.forge

    def run(self, *, days: float = 0) -> StageResult:
        model = Model(name="toy", root=Path(), retrain=Retrain(reviewers=("ann",)))
        details = self.details()
        case = Case(
            model=model,
            drift=StageResult(
                stage="drift", model="toy", status=Status.FAILED, reason="2 of 2 windows", details=encode(details)
            ),
            details=details,
            base="main",
            now=self.start + timedelta(days=days),
            quiet=self.quiet,
        )
        workshop = Workshop(inputs=self.inputs, overlaps=self.overlaps, make=self.make)
        return retrain(case, forge=self.forge, workshop=workshop, text=sections)

    def details(self) -> DriftDetails:
        """As the drift stage tells it."""
        silence = Decay(metric="roc_auc", higher_is_better=True, labelled=0, rows=600, reason="no label has arrived")
        windows = [
            WindowResult(
                window=Window(name=f"w{place}"),
                state=state,
                rows=600,
                engine="duckdb",
                band=self.band,
                decay=silence if self.unlabelled else None,
            )
            for place, state in enumerate(self.states)
        ]
        row = []
        for item in reversed(windows):
            if item.state == "fine":
                break
            row += [item.window.name] if item.state == "breach" else []
        asked: list[Any] = [row, self.band]
        return DriftDetails(
            version="1",
            model_digest="d" * 64,
            environment="production",
            source="production/*.csv",
            stamp="",
            signal=Signal(
                breach=self.stale or len(row) >= 2,
                consecutive=len(row),
                needed=2,
                windows=tuple(reversed(row)),
                columns=self.columns if row else (),
                metric=self.metric if row else "",
                band=self.band if row else 0,
                fingerprint=digest_of(asked),
            ),
            windows=tuple(windows),
            reference_rows=1000,
            reference_sample=1000,
            newest=f"{datetime(2026, 1, 1) + timedelta(days=len(windows) - 1):%Y-%m-%dT%H:%M:%SZ}",
        )

    def inputs(self, commit: str) -> str:
        return digest_of((self.forge.read(CODE, at=commit) or b"").decode())

    def overlaps(self, onto: str, seen: Seen) -> bool:
        known = self.forge.contains(seen.base, onto)
        return not known or self.forge.read(DATA, at=onto) != self.forge.read(DATA, at=seen.base_tip)

    def make(self, commit: str, question: str) -> Challenger | StageResult:
        self.made += 1
        self.meanwhile()
        content = f"md5: {self.source}\n".encode()
        if self.forge.read(DATA, at=commit) == content:
            return StageResult(
                stage="x", model="toy", status=Status.SKIPPED, reason="nothing to train on", outputs={"data": "same"}
            )
        return Challenger(
            base=commit,
            inputs_digest="e" * 64,
            files={DATA: content},
            changes=(DataChange(path="data.csv", old="", new=f"md5:{self.source}"),),
            trained=StageResult(stage="train", model="toy", status=Status.PASSED),
            evaluated=self.judged(self.verdict, red=self.red),
            fresh=self.judged(self.fresh) if self.fresh else None,
            brought=("make data",),
            remote="store",
        )

    def judged(self, verdict: str, *, red: bool = False) -> StageResult:
        checks = (Check(name="roc_auc ≥ 0.6", status=Status.FAILED if red else Status.PASSED),)
        status = Status.FAILED if red or verdict == "worse" else Status.PASSED
        return StageResult(stage="evaluate", model="toy", status=status, checks=checks, outputs={"verdict": verdict})
