"""Whether a candidate's judgement still counts: made by these rules, green, and against the champions of today."""

from __future__ import annotations

from mlops_ci.config.types import Model
from mlops_ci.errors import GateFailed, StaleError
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.models import Candidate
from mlops_ci.stages.rules import environments_of


def require_judged(
    model: Model, candidate: Candidate | None, *, inputs_digest: str, judgement_digest: str
) -> Candidate:
    """The candidate, judged green by these rules.

    Raises StaleError where there is none, or it was not judged by them, GateFailed where it was judged red.
    """
    cure = f"mlops-ci pull-request --model {model.name}"
    if candidate is None:
        raise StaleError(f"nothing was trained with the inputs of this commit ({inputs_digest[:12]})", hint=cure)
    judgement = candidate.judgement
    if judgement is None:
        raise StaleError(f"the candidate of these inputs ({inputs_digest[:12]}) was never judged", hint=cure)
    if judgement.digest != judgement_digest:
        raise StaleError(
            "gates, metrics, suites, holdout or serving settings have changed since this candidate was judged",
            hint=cure,
        )
    if not judgement.passed:
        raise GateFailed(
            f"the candidate was judged red ({judgement.verdict.value}): it is not shipped",
            hint="see the report of the pull request",
        )
    return candidate


def moved_champion(model: Model, candidate: Candidate, registry: Registry) -> str:
    """An environment whose champion is another one than that of the judgement, and not the candidate itself; '' where
    there is none. A judgement that was kept without names knows the first environment's champion alone."""
    if model.evaluate is None or candidate.judgement is None:
        return ""
    compared = environments_of(model)
    met = candidate.judgement.champions or {compared[0]: candidate.judgement.champion}
    for environment in compared:
        champion = registry.champion(model.name, environment) if environment in met else None
        now = champion.model_digest if champion else ""
        if environment in met and now not in (met[environment], candidate.model_digest):
            return environment
    return ""
