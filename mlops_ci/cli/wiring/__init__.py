"""The only place that chooses back ends, a file for each kind of them. Imports stay inside the functions, so that a
command pays for what it uses."""

from __future__ import annotations

from mlops_ci.cli.wiring.forges import (
    forge,
    git,
    github_access,
    local_forge,
    publishing,
    reviewing,
    starter,
    starts_no_workflow,
)
from mlops_ci.cli.wiring.reach import artifacts_answer, cluster, docker_version, dvc_remote, survey, tracking_facts
from mlops_ci.cli.wiring.scoring import (
    batch,
    batch_output,
    batch_rows,
    holdouts,
    scorer,
    server_requirements,
    server_trial,
)
from mlops_ci.cli.wiring.serving import (
    builder,
    canary_target,
    deployer,
    dock,
    served_here,
    service_name,
    traffic_meter,
    yard,
)
from mlops_ci.cli.wiring.stores import registry, tracker, user_cache
from mlops_ci.cli.wiring.training import environments, pipeline, refresher, source, suggest, table_head, validator
from mlops_ci.cli.wiring.watching import distances, production, training_data, watch_scorer

__all__ = [
    "artifacts_answer",
    "batch",
    "batch_output",
    "batch_rows",
    "builder",
    "canary_target",
    "cluster",
    "deployer",
    "distances",
    "dock",
    "docker_version",
    "dvc_remote",
    "environments",
    "forge",
    "git",
    "github_access",
    "holdouts",
    "local_forge",
    "pipeline",
    "production",
    "publishing",
    "refresher",
    "registry",
    "reviewing",
    "scorer",
    "served_here",
    "server_requirements",
    "server_trial",
    "service_name",
    "source",
    "starter",
    "starts_no_workflow",
    "suggest",
    "survey",
    "table_head",
    "tracker",
    "tracking_facts",
    "traffic_meter",
    "training_data",
    "user_cache",
    "validator",
    "watch_scorer",
    "yard",
]
