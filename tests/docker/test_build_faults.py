"""What a build needs is down, before it or in the middle of it: named, nothing half done, made up for by the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.config.types import Model
from mlops_ci.io import http
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.building import BuildJob, Built
from mlops_ci.ports.say import Say
from mlops_ci.records.results import Origin, StageResult, Status
from mlops_ci.stages import build
from mlops_ci.stages.build import Yard
from mlops_ci.stages.perform import perform
from tests.docker import daemon as parts
from tests.docker.daemon import Daemon
from tests.stages.building import Registered, registered

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
NOWHERE = "http://127.0.0.1:9"  # where nobody listens


def built(here: Registered, model: Model, yard: Yard | None = None) -> StageResult:
    """What the stage comes to, as a merge keeps it; its version is the one that a merge has just registered."""
    yard = yard or here.yard

    def stage() -> StageResult:
        return build.apply(build.plan(model, here.version, yard), yard, say=lambda line: None)

    return perform(build.STAGE, "toy", stage, workspace=Workspace(here.root), origin=Origin(commit="c" * 40))


def assert_named(result: StageResult, words: str) -> None:
    assert result.status is Status.ERROR
    assert result.failure is not None
    assert result.failure.exit_code == 3
    assert words in result.failure.message
    assert result.failure.hint


def tags(registry: str) -> list[str]:
    answer = http.call("GET", f"http://{registry}/v2/toy/tags/list")
    return list(json.loads(answer.body)["tags"] or []) if answer.status == 200 else []


@dataclass
class Leaving:
    """A port that leaves for a server that is down when it is told so."""

    here: Any
    down: Any
    gone: list[bool] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.down if self.gone else self.here, name)


@dataclass(frozen=True, kw_only=True)
class Then(ImageBuilder):
    """A builder after whose push something happens."""

    happens: Callable[[], object]

    def build(self, job: BuildJob, *, say: Say) -> Built:
        found = super().build(job, say=say)
        self.happens()
        return found


def test_mlflow_that_goes_away_before_or_after_the_push(
    daemon: Daemon, base_image: str, image_cache: Path, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "r").mkdir()
    builder = ImageBuilder(cache=image_cache, environ=daemon.environ)
    here = registered(tmp_path / "r", builder=builder)
    tracker = MlflowTracker(root=here.root, uri=NOWHERE)
    registry = MlflowRegistry(root=here.root, uri=NOWHERE, registry_uri=NOWHERE)
    with parts.registry(free, tmp_path) as address:
        model = Model(name="toy", root=here.root, build={"image": f"{address}/toy", "base": base_image})
        assert_named(built(here, model, replace(here.yard, tracker=tracker)), f"MLflow at {NOWHERE} failed")
        assert tags(address) == [], "nothing was pushed"

        gone: list[bool] = []
        leaving = replace(
            here.yard,
            tracker=Leaving(here.yard.tracker, tracker, gone),
            registry=Leaving(here.yard.registry, registry, gone),
            builder=Then(cache=image_cache, environ=daemon.environ, happens=lambda: gone.append(True)),
        )
        assert_named(built(here, model, leaving), f"MLflow at {NOWHERE} failed")
        assert "image" not in here.now().tags, "no version says that it is packed"
        (pushed,) = tags(address)

        again = built(here, model)
        assert (again.status, again.details["how"]) == (Status.PASSED, "adopted")
        assert tags(address) == [pushed], "one image"
        manifest = http.call("GET", f"http://{address}/v2/toy/manifests/{here.now().tags['image_digest']}")
        assert manifest.status == 200


def test_a_registry_of_images_that_is_down_before_the_build_or_at_the_push(
    daemon: Daemon, base_image: str, image_cache: Path, free: int, tmp_path: Path
) -> None:
    (tmp_path / "r").mkdir()
    here = registered(tmp_path / "r", builder=ImageBuilder(cache=image_cache, environ=daemon.environ))
    address = f"127.0.0.1:{free}"
    model = Model(name="toy", root=here.root, build={"image": f"{address}/toy", "base": base_image})
    assert_named(built(here, model), f"the registry can't be asked for {address}/toy:toy-")
    with parts.registry(free, tmp_path):
        planned = build.plan(model, here.version, here.yard)
    down = perform(
        build.STAGE,
        "toy",
        lambda: build.apply(planned, here.yard, say=lambda line: None),
        workspace=Workspace(here.root),
        origin=Origin(commit="c" * 40),
    )
    assert_named(down, f"{address}/toy:toy-{here.version.model_digest[:32]} could not be pushed: ")
    assert "image" not in here.now().tags
    assert here.yard.tracker.fetch(here.version.run_id, build.SBOM, tmp_path / "sbom") is None, "nothing is half told"
    with parts.registry(free, tmp_path):
        again = built(here, model)
        assert (again.status, again.details["how"]) == (Status.PASSED, "built")
        assert len(tags(address)) == 1
