"""A deployment to a cluster that is killed at a step, and the one that follows it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.backends.deployer_contract import ENVIRONMENT, Stage
from tests.cluster.cluster import Cluster, Namespace

STEPS = ("Lease._write", "Deploying._rows", "Service.apply", "Deploying._follow", "Service.settle", "Memory.serves")
KILLED = """\
import os, signal, sys
from pathlib import Path
from mlops_ci.backends.kserve import record as kserve_record
from mlops_ci.backends.kserve import service as kserve_service
from mlops_ci.backends.kserve import target as kserve_target
from mlops_ci.backends.kserve import kube_lease
from tests.backends.toys import releases_of
from tests.cluster.kserve_stage import imaged, stage_of, target_of
from tests.cluster.cluster import Cluster, Namespace

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

config, namespace, url, mode, step, *sources = sys.argv[1:]
owner, _, name = step.partition(".")
classes = {"Service": kserve_service.Service, "Deploying": kserve_target.Deploying, "Lease": kube_lease.Lease,
           "Memory": kserve_record.Memory}
setattr(classes[owner], name, die)
sources = [Path(source) for source in sources]
cluster = Cluster.of(Path(config))
target = target_of(Path(config), Namespace(name=namespace, api=cluster.api), url, mode=mode)
stage_of(target, [imaged(release) for release in releases_of(sources)], sources).deploy(1)
"""


def killed_then_run_again(
    stage: Stage, cluster: Cluster, namespace: Namespace, url: str, steps: Sequence[str], *, mode: str = "Standard"
) -> None:
    """While the first release serves, the deployment of the second is killed before each step, one after the other:
    somebody serves then, what nobody has smoked is told, and the last run ends as if nothing had happened."""
    served, _ = stage.deploy(0)
    words = [sys.executable, "-W", "ignore", "-c", KILLED, cluster.kubeconfig, namespace.name, url, mode]
    root = Path(__file__).parents[2]
    for step in steps:
        ended = subprocess.run([str(word) for word in [*words, step, *stage.sources]], cwd=root, capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert stage.answer(served.url) in (1.0, 2.0), "somebody always serves"
        halfway = stage.serving()
        assert halfway is not None
        assert (halfway.release == stage.releases[0]) == (halfway.altered == ""), "what nobody has smoked is told"
    stage.deploy(1)
    assert stage.answer(served.url) == 2.0
    now = stage.serving()
    assert now is not None
    assert (now.release, now.altered) == (stage.releases[1], "")
    assert stage.deployer.recorded("toy", ENVIRONMENT) == (stage.releases[1], stage.releases[0])
