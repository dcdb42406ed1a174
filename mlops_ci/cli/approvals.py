"""Who approved what a deployment brought, wired."""

from __future__ import annotations

import os
from datetime import timedelta

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import MlopsError
from mlops_ci.io import clock
from mlops_ci.ports.say import Say
from mlops_ci.records.models import Release
from mlops_ci.stages.approvals import note_approvals
from mlops_ci.stages.past import Past

AHEAD = timedelta(days=1)  # that the forge's clock may be ahead of ours


def note(session: Session, model: Model, environment: Environment, release: Release, *, say: Say) -> None:
    """Note it with the version. It raises nothing: what serves is served, and the audit says that it does not know."""
    try:
        past = Past.of(session.git, session.config, os.environ)
        until = clock.now() + AHEAD
        if environment is model.environments[0]:
            landed = past.brought_inputs(model.name, release.inputs_digest, until)
        else:
            landed = past.brought_file(model.name, environment.name, release.model_digest, until)
        version = session.registry.version_of(model.name, release.model_digest)
        if landed is not None and version is not None:
            note_approvals(version, environment.name, landed.sha, forge=session.forge, registry=session.registry)
    except MlopsError as error:
        say(f"who approved it is not noted: {error.message}")
