"""What builds and serves: the Docker daemon, and clusters."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.records.doctor import ClusterFacts, Finding
from mlops_ci.stages.doctor.findings import error, ok, warning

GROUP = "servers"
RIGHTS = "docs/kserve.md#rights"
MOST = 6


def judge_cluster(facts: ClusterFacts, *, name: str) -> Iterator[Finding]:
    """One namespace: whether it can be served in, and what the deployer lacks there."""
    where = f"Kubernetes {facts.version} at {facts.host}"
    if not facts.kserve:
        yield error(GROUP, name, f"{where} has no KServe", "install KServe there, or choose another context")
        return
    lacking = [str(right) for right in facts.denied if right.needed]
    less = [str(right) for right in facts.denied if not right.needed]
    if lacking:
        yield error(GROUP, name, f"{where}; may not {_listed(lacking)}", f"apply the Role of {RIGHTS}")
    else:
        yield ok(GROUP, name, f"{where}; has KServe, and the {facts.asked - len(less)} rights that it takes")
    if less:
        message = f"may not {_listed(less)}: it deploys, and says less when something fails"
        yield warning(GROUP, name, message, f"add these rules of {RIGHTS}")


def judge_docker(version: str, host: str) -> Finding:
    """A daemon that answered."""
    return ok(GROUP, "docker", f"{version} at {host}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
