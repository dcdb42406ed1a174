"""The image that is built really serves: no root, nothing written, healthy, and it is the model that was asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.io import http
from mlops_ci.serving.code import REQUIREMENTS
from tests.docker.builds import LOADER, MLMODEL, SERVES, Source, job
from tests.docker.daemon import Daemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
STEP, STEPS = 0.25, 600


@pytest.fixture(scope="module")
def served(
    daemon: Daemon, registry: str, base_image: str, image_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """(container, address, model digest) of a running image; its file system is read-only."""
    model = tmp_path_factory.mktemp("served") / "model"
    (model / "code").mkdir(parents=True)
    (model / "MLmodel").write_text(MLMODEL, "utf-8")
    (model / "code" / "toymodel.py").write_text(LOADER, "utf-8")
    source = Source(model=model, requirements=SERVES)
    asked = job(source, image=f"{registry}/acme/served", base=base_image, requirements=REQUIREMENTS)
    built = ImageBuilder(cache=image_cache, environ=daemon.environ).build(asked, say=lambda line: None)
    from tests.docker.conftest import free_port

    port = free_port()
    words = ["run", "--detach", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    words += [built.image.reference, "--host", "127.0.0.1", "--port", str(port)]
    container = daemon.docker(*words)
    yield container, f"http://127.0.0.1:{port}", asked.model_digest
    daemon.docker("rm", "--force", container)


def state(daemon: Daemon, container: str) -> dict[str, str]:
    """How the daemon sees it."""
    asked = '{"health": "{{.State.Health.Status}}", "status": "{{.State.Status}}"}'
    found: dict[str, str] = json.loads(daemon.docker("inspect", "--format", asked, container))
    return found


def test_it_becomes_healthy_and_answers_as_the_model(daemon: Daemon, served: tuple[str, str, str]) -> None:
    container, address, digest = served
    pause = threading.Event()
    for _ in range(STEPS):
        now = state(daemon, container)
        if now["health"] == "healthy" or now["status"] != "running":
            break
        pause.wait(STEP)
    assert now == {"health": "healthy", "status": "running"}, daemon.docker("logs", container)

    body = {"inputs": [{"name": "a", "datatype": "FP64", "shape": [2], "data": [1.5, 2.0]}]}
    answer = http.call("POST", f"{address}/v2/models/toy/infer", body=json.dumps(body).encode())
    assert answer.status == 200
    assert answer.headers["x-mlops-model-digest"] == digest
    assert json.loads(answer.body)["outputs"][0]["data"] == [3.0, 4.0]

    who = daemon.docker("exec", container, "/opt/venv/bin/python", "-c", "import os; print(os.getuid(), os.getgid())")
    assert who == "65532 65532"
    check = ["exec", container, "/opt/venv/bin/python", "-m", "mlops_ci.serving.health"]
    assert daemon.docker(*check) == ""
