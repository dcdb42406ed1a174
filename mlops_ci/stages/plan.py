"""The pull-request loop, planned: what each stage would do, found without running or importing anything heavy."""

from __future__ import annotations

from mlops_ci.config.types import Model
from mlops_ci.digests.inputs import Inputs
from mlops_ci.errors import GateFailed
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.tracking import Registry, Tracker
from mlops_ci.records.plans import Action, Step
from mlops_ci.stages.rules import environments_of
from mlops_ci.stages.train import noted
from mlops_ci.stages.validate import shown


def validate_step(model: Model) -> Step:
    """Which data would be checked."""
    names = ", ".join(f"{shown(dataset)} with {dataset.suite}" for dataset in model.validate)
    action = Action.DO if names else Action.SKIP
    return Step(model=model.name, stage="validate", action=action, what=f"check {names}" if names else "no 'validate:'")


def train_step(model: Model, *, inputs: Inputs, tracker: Tracker, workspace: Workspace) -> Step:
    """Whether these inputs were trained before; if not, what would run."""
    known = noted(model, inputs, workspace) or tracker.find(model.name, inputs.digest)
    if known is not None:
        return _train(model, Action.DONE, f"run {known.run_id} has the inputs {inputs.digest[:12]}")
    names = ", ".join(item.name for item in inputs.stages)
    return _train(model, Action.DO, f"bring {names} up to date and log the model (inputs {inputs.digest[:12]})")


def _train(model: Model, action: Action, what: str) -> Step:
    return Step(model=model.name, stage="train", action=action, what=what)


def evaluate_step(model: Model, *, registry: Registry) -> Step:
    """Which holdout and which champions the candidate would meet."""
    if model.evaluate is None:
        return _evaluate(model, Action.SKIP, "no 'evaluate:'")
    champions = {name: registry.champion(model.name, name) for name in environments_of(model)}
    missing = [name for name, version in champions.items() if version is None]
    if missing and model.evaluate.first_model != "allow":
        what = f"there is no champion in {missing[0]}, and 'first_model: allow' is not set"
        return _evaluate(model, Action.BLOCKED, what, exit_code=GateFailed.exit_code)
    known = [f"{name}'s version {version.number}" for name, version in champions.items() if version is not None]
    against = f"compare with {' and '.join(known)}" if known else "judge alone, as the first model"
    return _evaluate(model, Action.DO, f"{against}, on {model.evaluate.holdout}")


def _evaluate(model: Model, action: Action, what: str, *, exit_code: int = 0) -> Step:
    return Step(model=model.name, stage="evaluate", action=action, what=what, exit_code=exit_code)
