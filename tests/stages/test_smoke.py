"""The smoke of a server that is not ours: MLflow's own scoring server, whose protocol MLServer speaks too."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from mlops_ci.config.types import Environment
from mlops_ci.errors import BackendError, GateFailed
from mlops_ci.io import http
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action
from mlops_ci.records.serving import Serving
from mlops_ci.stages.deploy import Dock, Plan, apply
from mlops_ci.stages.scoring import Home
from mlops_ci.stages.smoke import smoke, smoke_by_answers
from mlops_ci.stages.status import MERGE, Word, stand
from tests.backends.toys import make_sources, until
from tests.stages.test_deploy import BESIDE, Splits

RELEASE = Release(model="toy", version="1", model_digest="a" * 64, inputs_digest="b" * 64, run_id="run")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_sources(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def url(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The first model, served by MLflow."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--model-uri"]
    words += [str(sources[0] / "model"), "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("mlflow") / "log"
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "MLFLOW_DISABLE_TELEMETRY": "true"}
    quiet["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it looks for uvicorn
    with open(log, "wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, env=quiet, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address) or process.poll() is not None, seconds=120)
        assert process.poll() is None, log.read_text()
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        return http.call("GET", f"{url}/ping").status == 200
    except BackendError:
        return False


@pytest.mark.slow
def test_a_model_is_told_by_its_answers_where_nothing_else_tells_it(url: str, sources: list[Path]) -> None:
    assert smoke_by_answers(url, rows=sources[0] / "smoke.json") == 2
    with pytest.raises(GateFailed, match="its answer for smoke row 0 is not the one that was judged"):
        smoke_by_answers(url, rows=sources[1] / "smoke.json")
    with pytest.raises(GateFailed, match="it is not ready: it answered 404"):
        smoke(url, name="toy", digest="a" * 64, rows=sources[0] / "smoke.json")


@dataclasses.dataclass
class Asks(Splits):
    """A target that has its server smoked, with the rows in a folder."""

    url: str = ""
    rows: Path = Path()

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        assert job.smoke_by_answers is not None
        job.smoke_by_answers(self.url, self.rows)
        return super().deploy(job, say=say)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"smoke": {"tolerance": 1e-3}}, ""),
        (
            {},
            "row 0 is not the one that was judged: off by less than 0.01 of its size, and smoke.tolerance allows 1e-06",
        ),
    ],
)
def test_an_environment_says_how_far_off_a_number_may_be(
    url: str, sources: list[Path], tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    recorded = json.loads((sources[0] / "smoke.json").read_text())
    recorded["predictions"] = [value * 1.0005 for value in recorded["predictions"]]
    (tmp_path / "smoke.json").write_text(json.dumps(recorded))
    target = Asks(BESIDE, url=url, rows=tmp_path, changes=True)
    dock = Dock(
        home=cast(Home, None),  # nothing is brought, and no alias moves
        registry=cast(Registry, None),
        deployer=target,
        sequence=1,
        requirements=(),
        server_code=lambda folder: None,
    )
    place = Environment(name="production", target="kserve", options=options)
    planned = Plan(release=RELEASE, environment=place, serving=None)
    with pytest.raises(GateFailed, match=told) if told else contextlib.nullcontext():
        result = apply(planned, dock, say=lambda line: None)
        assert result.checks[0].message == "2 answers are those that were judged"


def test_without_rows_nothing_proves_which_model_answers(tmp_path: Path) -> None:
    for rows in (None, tmp_path / "smoke.json"):
        with pytest.raises(GateFailed, match="can't say which model it runs"):
            smoke_by_answers("http://127.0.0.1:9", rows=rows)


def serving(altered: str) -> Serving:
    return Serving(release=RELEASE, url="http://here", answering=True, since="2026-01-01T00:00:00Z", altered=altered)


def test_what_was_changed_by_hand_is_to_be_done_again(tmp_path: Path) -> None:
    for altered, action in (("", Action.DONE), ("its image was changed by hand", Action.DO)):
        planned = Plan(release=RELEASE, environment=Environment(name="production"), serving=serving(altered))
        assert planned.step.action is action
        assert altered in planned.step.what
        found = stand(
            "toy",
            "production",
            wanted=Word(value=dataclasses.replace(RELEASE)),
            alias=Word(value=RELEASE.model_digest),
            serving=Word(value=serving(altered)),
        )
        assert (found.problem, found.mend) == ((altered, MERGE) if altered else ("", ""))
