"""What the stages need from the outside, as Protocols. One adapter a file in `backends/` keeps each of them.

All methods block until done, raise `BackendError` (or a subclass) when the outside fails, and never leave
half a result. Where a method is idempotent, or may meet another process, its docstring says how.
"""

from __future__ import annotations

from mlops_ci.ports.building import Builder, BuildJob, Built, Described
from mlops_ci.ports.data import DataSource, Validator
from mlops_ci.ports.deploying import CanaryTarget, Deployer, DeployJob, DryRun, TrafficMeter
from mlops_ci.ports.forge import Forge
from mlops_ci.ports.holdouts import Coded, HoldoutColumns, HoldoutRows, Holdouts, Overlap, PredictedRows
from mlops_ci.ports.reviewing import Reviewing
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import Asked, MeasuringJob, Scorer, ScoringJob, ServerTrial, TrialJob
from mlops_ci.ports.tracking import Registry, Tracker, TrainedModel
from mlops_ci.ports.training import Environments, Interpreter, Pipeline, PipelineJob, PipelineRun
from mlops_ci.ports.user_code import for_user_code

__all__ = [
    "Asked",
    "BuildJob",
    "Builder",
    "Built",
    "CanaryTarget",
    "Coded",
    "DataSource",
    "DeployJob",
    "Deployer",
    "Described",
    "DryRun",
    "Environments",
    "Forge",
    "HoldoutColumns",
    "HoldoutRows",
    "Holdouts",
    "Interpreter",
    "MeasuringJob",
    "Overlap",
    "Pipeline",
    "PipelineJob",
    "PipelineRun",
    "PredictedRows",
    "Registry",
    "Reviewing",
    "Say",
    "Scorer",
    "ScoringJob",
    "ServerTrial",
    "Tracker",
    "TrafficMeter",
    "TrainedModel",
    "TrialJob",
    "Validator",
    "for_user_code",
]
