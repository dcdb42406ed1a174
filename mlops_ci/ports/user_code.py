"""What the user's code is not told: the credentials that are mlops-ci's own, and the files that steer a job."""

from __future__ import annotations

from collections.abc import Mapping

OURS = ("MLOPS_CI_TOKEN", "MLOPS_CI_KUBECONFIG")
OUR_PREFIXES = ("MLOPS_CI_APP_", "MLOPS_CI_REGISTRY_")
# The last two are what GitHub's own command line reads for an Enterprise server.
FORGE = ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_ENTERPRISE_TOKEN")
# The token of caches and artifacts, and what mints identities (OIDC). A cloud login made with it before is kept.
JOB = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL")
# Who writes there decides the variables, the programs and the outputs of later steps.
COMMANDS = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
KEPT_BACK = frozenset((*OURS, *FORGE, *JOB, *COMMANDS))


def for_user_code(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for a child that runs the user's code, or builds the user's environment.

    DVC's, MLflow's, a cloud's and a package index's stay: a training needs them, and so does KUBECONFIG.
    """
    return {
        name: value for name, value in environ.items() if name not in KEPT_BACK and not name.startswith(OUR_PREFIXES)
    }
