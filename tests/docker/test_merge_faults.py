"""A merge that packs and serves in containers, killed at one step after the other."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from mlops_ci.io import http
from tests.backends.toys import until
from tests.docker.builds import LOADER, MLMODEL, SERVES, pins
from tests.docker.daemon import Daemon
from tests.e2e.paused import paused
from tests.e2e.person import Person
from tests.e2e.test_merge_faults import served, versions
from tests.processes import working_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
NOWHERE = "127.0.0.1:9"  # where nobody listens
BUILDER = "mlops_ci.backends.image.builder"
STEPS = (
    f"before {BUILDER}:ImageBuilder.build",  # registered, and nothing built
    f"after {BUILDER}:_push",
    "before mlops_ci.stages.deploy:apply",  # built, and nothing served
    "after mlops_ci.backends.keeper.client:KeeperClient.start",
    "after mlops_ci.stages.deploy:apply",  # served, and nothing proposed
)
TRAIN = f"""\
import pathlib
folder = pathlib.Path("model/code")
folder.mkdir(parents=True, exist_ok=True)
(folder.parent / "MLmodel").write_text({MLMODEL!r})
(folder / "toymodel.py").write_text({LOADER!r})
"""
CONFIG = """\
version: 1
models:
  shop:
    task: regression
    train: {target: train, environment: requirements.txt, metrics: ""}
    evaluate:
      holdout: holdout.csv
      label: y
      metrics: [rmse]
      gates: [{metric: rmse, max: 1}]
      first_model: allow
    build: {image: "${REGISTRY}/shop", base: "${BASE}"}
    environments:
      staging: {target: docker, network: none}
      production: {target: docker, network: none}
"""


@pytest.fixture
def shop(daemon: Daemon, registry: str, base_image: str, tmp_path: Path) -> Iterator[Person]:
    """A model that was judged and merged, and nothing of it shipped; whatever it serves is stopped at the end."""
    names = ("DOCKER_HOST", "DOCKER_CONFIG")
    environ = {**{name: daemon.environ[name] for name in names}, "REGISTRY": registry, "BASE": base_image}
    person = Person(tmp_path / "shop", environ)
    person.home.mkdir()
    person.git("init", "-q", "-b", "main")
    person.write(".dvc/config", "")
    person.write(".gitignore", "/model\n")
    person.write("train.py", TRAIN)
    person.write("dvc.yaml", "stages: {train: {cmd: python train.py, deps: [train.py], outs: [model]}}\n")
    person.write("requirements.txt", SERVES)
    person.write("pins.txt", pins())
    person.write("holdout.csv", "a,y\n" + "".join(f"{a},{2 * a}.1\n" for a in range(200)))
    person.write("mlops.yaml", CONFIG)
    person.git("add", "-A")
    person.commit("Bring the first model")
    person.mlops("pull-request", "--all")
    yield person
    person.mlops("serve", "stop", "--all")
    until(lambda: not working_in(person.home))
    until(lambda: not containers(daemon))


def pushed(registry: str) -> list[str]:
    """The tags under which the registry serves an image of the shop's model."""
    answer = http.call("GET", f"http://{registry}/v2/shop/tags/list")
    return list(json.loads(answer.body)["tags"] or []) if answer.status == 200 else []


def containers(daemon: Daemon) -> list[str]:
    """The containers of the shop's model: other tests have theirs in the same daemon."""
    return daemon.docker("ps", "--all", "--quiet", "--filter", "label=mlops-ci.model=shop").split()


def lines(shop: Person) -> list[str]:
    """The command lines of what lives in the repository."""
    found = []
    for pid in working_in(shop.home):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def alone(shop: Person) -> bool:
    """Whether one keeper and the runner of one container are all that lives in the repository."""
    found = lines(shop)
    return len(found) == 2 and {"keeper.py" in line for line in found} == {True, False}


def assert_shipped_once(shop: Person, daemon: Daemon) -> None:
    """One version with one image, one container behind one keeper, one pull request, and nothing else to do."""
    registry = shop.environ["REGISTRY"]
    assert versions(shop) == ["1"]
    (tag,) = pushed(registry)
    (staging,) = served(shop)
    release: dict[str, Any] = staging["release"]
    assert (staging["environment"], staging["answering"], release["version"]) == ("staging", True, "1")
    manifest = http.call("GET", f"http://{registry}/v2/shop/manifests/{release['image_digest']}")
    assert manifest.status == 200
    assert tag == f"shop-{release['model_digest'][:32]}"
    until(lambda: alone(shop))
    assert len(containers(daemon)) == 1
    assert shop.mlops("forge", "list", "--state", "all").count("Promote shop version 1 to production") == 1
    assert not list((shop.home / ".mlops/results").rglob(".*"))
    shop.mlops("status")


def scored(shop: Person) -> list[float]:
    """What the release that staging serves says of two rows."""
    shop.write("rows.csv", "a\n1.5\n2.5\n")
    shop.mlops("score", "--release", "staging", "--input", "rows.csv", "--output", "scored.parquet")
    (staging,) = served(shop)
    table = parquet.read_table(shop.home / "scored.parquet")
    assert table.schema.metadata[b"mlops_ci.model_digest"].decode() == staging["release"]["model_digest"]
    found: list[float] = table["prediction"].to_pylist()
    return found


def test_its_registry_is_down_then_killed_around_build_and_deploy_then_shipped_once(
    shop: Person, daemon: Daemon
) -> None:
    replace(shop, environ={**shop.environ, "REGISTRY": NOWHERE}).mlops("merge", expect=3)
    failed = shop.result("shop", "build")["failure"]
    assert f"the registry can't be asked for {NOWHERE}/shop:shop-" in failed["message"]
    assert "run the same command again" in failed["hint"]
    assert (versions(shop), pushed(shop.environ["REGISTRY"]), containers(daemon)) == (["1"], [], [])
    for step in STEPS:
        with paused(shop, step, "merge") as child:
            child.send_signal(signal.SIGKILL)
    shop.mlops("merge")
    assert_shipped_once(shop, daemon)
    assert scored(shop) == [3.0, 5.0], "what a container serves scores as well, from its run"
