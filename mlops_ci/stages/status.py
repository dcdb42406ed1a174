"""Hold git, registry and target against each other. Git is right, then the registry, then what serves."""

from __future__ import annotations

from mlops_ci.errors import BackendError
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving
from mlops_ci.records.status import Standing

MERGE = "mlops-ci merge"


def stand(
    model: str,
    environment: str,
    *,
    wanted: Release | None,
    reason: str,
    registry: Registry,
    serving: Serving | None,
    approved: tuple[str, ...] = (),
) -> Standing:
    """One row; `reason` says why git's wish is not known, where it is not."""
    alias = _alias(model, environment, registry)
    problem, mend = _differences(model, wanted, reason, alias, serving)
    return Standing(
        model=model,
        environment=environment,
        wanted=wanted,
        alias=alias,
        serving=serving,
        problem=problem,
        mend=mend,
        approved=approved,
    )


def _alias(model: str, environment: str, registry: Registry) -> str | None:
    try:
        version = registry.champion(model, environment)
    except BackendError:
        return None
    return version.model_digest if version else ""


def _differences(
    model: str, wanted: Release | None, reason: str, alias: str | None, serving: Serving | None
) -> tuple[str, str]:
    """(what is wrong, the command that mends it), '' where nothing is, or no command mends it."""
    if wanted is None and reason:
        return reason, f"mlops-ci pull-request --model {model}"
    if wanted is None:
        return ("it serves, and git wants nothing here", MERGE) if serving is not None else ("", "")
    if serving is None:
        return f"version {wanted.version} should serve, and nothing does", MERGE
    if serving.release.model_digest != wanted.model_digest:
        return f"version {wanted.version} should serve, and version {serving.release.version} does", MERGE
    if serving.altered:
        return serving.altered, MERGE
    if serving.release != wanted:
        return f"version {wanted.version} serves, and not with the image and settings that git wants", MERGE
    if not serving.answering:
        return "the server does not answer", MERGE
    if alias is None:
        return "the registry does not answer, so its alias is unknown", ""
    if alias != wanted.model_digest:
        return "the registry's alias names another version", MERGE
    return "", ""
