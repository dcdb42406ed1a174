"""The pull-request loop, planned: what each stage would do, found without running or importing anything heavy."""

from __future__ import annotations

from mlops_ci.config.types import Model
from mlops_ci.digests.inputs import Inputs
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports import Registry, Tracker
from mlops_ci.records.plans import Action, Step
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
    """Which holdout and which champion the candidate would meet."""
    if model.evaluate is None:
        return Step(model=model.name, stage="evaluate", action=Action.SKIP, what="no 'evaluate:'")
    environment = model.champion_environment
    champion = registry.champion(model.name, environment)
    against = (
        f"compare with {environment}'s version {champion.number}" if champion else "judge alone, as the first model"
    )
    what = f"{against}, on {model.evaluate.holdout}"
    return Step(model=model.name, stage="evaluate", action=Action.DO, what=what)
