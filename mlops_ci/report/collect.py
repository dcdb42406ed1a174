"""Everything a report is made of: the stored results of each model, decoded, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlops_ci.errors import BackendError
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import CodecError, decode
from mlops_ci.records.details import DETAILS, check_details
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.results import Check, StageResult, Status
from mlops_ci.records.training import RegistrationDetails, TrainingDetails
from mlops_ci.records.validation import ValidationDetails

STAGES = tuple(DETAILS)
Details = TypeVar("Details")


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """One model's results in order; `notes` say what is missing, unreadable or of another commit."""

    model: str
    results: tuple[StageResult, ...]
    notes: tuple[str, ...] = ()

    def stage(self, name: str) -> StageResult | None:
        return next((result for result in self.results if result.stage == name), None)

    @property
    def worst(self) -> Status:
        """The status that the whole has: the first that is not passed, in the order of the stages."""
        states = [result.status for result in self.results]
        for status in (Status.ERROR, Status.STALE, Status.FAILED):
            if status in states:
                return status
        return Status.PASSED if "evaluate" in [r.stage for r in self.results] else (states or [Status.SKIPPED])[-1]

    @property
    def warnings(self) -> tuple[Check, ...]:
        """What was found before any stage ran: undeclared imports, overrides on the record."""
        result = self.stage("affected")
        return tuple(check for check in result.checks if check.status is not Status.PASSED) if result else ()

    @property
    def affected(self) -> Affected | None:
        return self._details("affected", Affected)

    @property
    def validation(self) -> ValidationDetails | None:
        return self._details("validate", ValidationDetails)

    @property
    def training(self) -> TrainingDetails | None:
        return self._details("train", TrainingDetails)

    @property
    def evaluation(self) -> EvaluationDetails | None:
        return self._details("evaluate", EvaluationDetails)

    @property
    def registration(self) -> RegistrationDetails | None:
        return self._details("register", RegistrationDetails)

    def _details(self, stage: str, kind: type[Details]) -> Details | None:
        result = self.stage(stage)
        return decode(kind, result.details) if result is not None and result.details else None


@dataclass(frozen=True, kw_only=True)
class Report:
    """All models of one run."""

    models: tuple[ModelReport, ...]


def collect(workspace: Workspace, models: Sequence[str]) -> Report:
    """Read what there is. Raises nothing for a broken file: it becomes a note, and its stage counts as an error."""
    return Report(models=tuple(_collect(workspace, model) for model in models))


def _collect(workspace: Workspace, model: str) -> ModelReport:
    results, notes = [], []
    for stage in STAGES:
        try:
            result = workspace.read_result(model, stage)
            if result is not None:
                _check(result, model, stage)
                results.append(result)
        except (BackendError, CodecError) as error:
            notes.append(f"the result of {stage} is not readable: {error}")
            results.append(StageResult(stage=stage, model=model, status=Status.ERROR, reason="result not readable"))
    commits = {result.origin.commit for result in results if result.origin.commit}
    if len(commits) > 1:
        listed = ", ".join(sorted(commit[:12] for commit in commits))
        notes.append(f"these results are of different commits ({listed}); run the pull request again")
    return ModelReport(model=model, results=tuple(results), notes=tuple(notes))


def _check(result: StageResult, model: str, stage: str) -> None:
    """Raises CodecError for the result of another model or stage, and for details that are not its stage's."""
    if (result.model, result.stage) != (model, stage):
        raise CodecError(f"$: it says that it is the result of {result.stage[:40]} of {result.model[:80]}")
    check_details(result)


def of_commits(report: Report, commits: Sequence[str]) -> Report:
    """The same without the results of a model that are not all of one commit, and of one of these (any where there are
    none): old numbers are never shown as new."""
    return Report(models=tuple(_of_commits(model, commits) for model in report.models))


def _of_commits(model: ModelReport, commits: Sequence[str]) -> ModelReport:
    found = {item.origin.commit for item in model.results if item.origin.commit or item.status is not Status.ERROR}
    if len(found) <= 1 and (not commits or found.issubset(commits)):
        return model
    listed = ", ".join(sorted(commit[:12] or "unknown" for commit in found))
    note = f"the results that are there are of another commit ({listed}), so they are not shown"
    return ModelReport(model=model.model, results=(), notes=(note,))
