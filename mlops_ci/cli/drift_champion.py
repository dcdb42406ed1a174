"""Whose training data production is compared with."""

from __future__ import annotations

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.errors import UsageError, did_you_mean
from mlops_ci.records.models import Version
from mlops_ci.stages.releases import read_release


def environment_of(model: Model, named: str) -> str:
    """The environment whose release is the champion. Raises UsageError with the nearest name."""
    known = [item.name for item in model.environments] or [model.champion_environment]
    name = named or model.champion_environment
    if name not in known:
        hint = did_you_mean(name, known, f"environments: {', '.join(known)}")
        raise UsageError(f"{model.name} has no environment '{name}'", hint=hint)
    return name


def champion(session: Session, model: Model, environment: str) -> Version | None:
    """What git names there; in the first environment, which git names nothing for, what the registry's alias does."""
    if environment in [item.name for item in model.environments[1:]]:
        named = read_release(session.config, model.name, environment, tree=session.project.tree)
        if named is not None:
            return Version(
                model=model.name,
                number=named.version,
                run_id=named.run_id,
                model_digest=named.model_digest,
                inputs_digest=named.inputs_digest,
            )
    return session.registry.champion(model.name, environment)
