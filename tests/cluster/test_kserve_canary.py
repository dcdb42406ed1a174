"""Canaries in KServe's Knative mode: KServe's own controller, real model servers, a real Prometheus."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.prometheus_traffic import PrometheusTraffic
from mlops_ci.config import release_file
from mlops_ci.config.canary import policy
from mlops_ci.errors import GateFailed, StaleError
from mlops_ci.io import clock
from mlops_ci.records.canary import Outcome, WindowVerdict
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.canary import lasted, watch
from tests.backends.deployer_contract import ENVIRONMENT, AnyDeployerContract, Stage
from tests.backends.prometheus_server import prometheus
from tests.backends.toys import until
from tests.cluster.canary_stage import ASKED, COUNTED, NAME, answers, canary_of, percent, target_of
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.kubelet import Servers
from tests.e2e.person import Person

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
URI = "sqlite:///.mlops/mlflow.db"


@pytest.fixture
def stage(canaries: Stage) -> Stage:
    """The one with canaries."""
    return canaries


class TestKserveCanaryTarget(AnyDeployerContract):
    """What of the contract holds with canaries."""


def test_a_release_beside_another_begins_as_a_canary_and_ends_with_all_traffic(
    stage: Stage, namespace: Namespace
) -> None:
    first, changed = stage.deploy(0)
    assert (changed, percent(namespace)) == (True, None), "there is nothing to compare the first one with"
    assert target_of(stage).canary("toy", ENVIRONMENT) is None

    serving, changed = stage.deploy(1)
    assert changed
    assert percent(namespace) == 10
    assert (serving.release, serving.answering, serving.altered) == (stage.releases[0], True, "")
    assert answers(stage, first.url) == {1.0: 90, 2.0: 10}
    begun = canary_of(stage)
    assert (begun.release, begun.stable, begun.percent) == (stage.releases[1], stage.releases[0], 10)

    assert stage.deploy(1)[1] is False, "a merge that runs again on its schedule changes nothing"
    assert canary_of(stage) == begun

    further = dataclasses.replace(begun, percent=50)
    target_of(stage).shift(begun, further, ENVIRONMENT)
    assert answers(stage, first.url) == {1.0: 50, 2.0: 50}
    with pytest.raises(StaleError, match="another run has moved this canary"):
        target_of(stage).shift(begun, further, ENVIRONMENT)

    done = dataclasses.replace(further, percent=100, outcome=Outcome.PROMOTED)
    target_of(stage).shift(further, done, ENVIRONMENT)
    assert percent(namespace) is None
    assert answers(stage, first.url, 10) == {2.0: 10}
    now = stage.serving()
    assert now is not None
    assert (now.release, now.answering, now.altered) == (stage.releases[1], True, "")
    assert target_of(stage).recorded("toy", ENVIRONMENT) == (stage.releases[1], stage.releases[0])
    assert stage.deploy(1)[1] is False

    back, changed = stage.deploy(0, refuse=stage.releases[1].model_digest)
    assert (back.release, changed, percent(namespace)) == (stage.releases[0], True, None), "a rollback takes no steps"
    assert answers(stage, back.url, 10) == {1.0: 10}


def test_one_that_is_rolled_back_gets_nothing_and_does_not_come_again_by_itself(
    stage: Stage, namespace: Namespace
) -> None:
    stage.deploy(0)
    serving, _ = stage.deploy(1)
    begun = canary_of(stage)
    target_of(stage).shift(begun, dataclasses.replace(begun, percent=0, outcome=Outcome.ROLLED_BACK), ENVIRONMENT)
    assert percent(namespace) == 0
    assert answers(stage, serving.url, 20) == {1.0: 20}
    now = stage.serving()
    assert now is not None
    assert (now.release, now.answering, now.altered) == (stage.releases[0], True, "")
    with pytest.raises(StaleError, match="taken back here"):
        stage.deploy(1)
    assert stage.deploy(0)[1] is False, "the stable one serves already"


def test_wanting_the_stable_one_again_withdraws_the_canary(stage: Stage, namespace: Namespace) -> None:
    stage.deploy(0)
    serving, _ = stage.deploy(1)
    back, changed = stage.deploy(0)
    assert (back.release, changed, percent(namespace)) == (stage.releases[0], True, 0)
    assert answers(stage, serving.url, 20) == {1.0: 20}
    assert canary_of(stage).outcome is Outcome.ROLLED_BACK
    by_hand = {"spec": {"predictor": {"canaryTrafficPercent": 50}}}
    namespace.api.merge(f"{namespace.service_path(NAME)}?fieldManager=kubectl-edit", by_hand)
    assert stage.deploy(0, options={"force_conflicts": True})[1], "what somebody gave it is taken away again"
    assert percent(namespace) == 0


def test_what_was_withdrawn_comes_again_once_a_later_commit_has_wanted_the_stable_one(stage: Stage) -> None:
    stage.deploy(0, sequence=3)
    stage.deploy(1, sequence=4)
    begun = canary_of(stage)
    target_of(stage).shift(begun, dataclasses.replace(begun, percent=0, outcome=Outcome.ROLLED_BACK), ENVIRONMENT)
    with pytest.raises(StaleError, match="was taken back here while it was a canary") as caught:
        stage.deploy(1, sequence=5)
    assert f"rollback --environment {ENVIRONMENT}" in caught.value.hint
    with pytest.raises(StaleError, match="taken back here"):
        target_of(stage).dry_run(stage.releases[1], ENVIRONMENT)
    stage.deploy(0, sequence=6)
    stage.deploy(1, sequence=7)
    assert canary_of(stage).running, "git took it back, and brought it again"
    stage.deploy(0, sequence=7)
    with pytest.raises(StaleError, match="taken back here"):
        stage.deploy(1, sequence=7)


def test_no_request_is_lost_while_it_begins_and_is_promoted(stage: Stage) -> None:
    served, _ = stage.deploy(0)

    def change() -> None:
        stage.deploy(1)
        begun = canary_of(stage)
        promoted = dataclasses.replace(begun, percent=100, outcome=Outcome.PROMOTED)
        target_of(stage).shift(begun, promoted, ENVIRONMENT)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        changing = pool.submit(change)
        found: list[float] = []
        while not changing.done():
            found += pool.map(stage.answer, [served.url] * 2)
        changing.result()
    assert set(found) == {1.0, 2.0}
    assert stage.answer(served.url) == 2.0


def test_a_dry_run_shows_the_traffic_as_it_would_be(stage: Stage, namespace: Namespace) -> None:
    target = target_of(stage)
    stage.deploy(0)
    assert target.begins(stage.releases[0], ENVIRONMENT) is None
    begun = target.begins(stage.releases[1], ENVIRONMENT)
    assert begun is not None
    assert (begun.percent, begun.stable) == (10, stage.releases[0])
    begins = target.dry_run(stage.releases[1], ENVIRONMENT)
    assert "+    canaryTrafficPercent: 10" in begins
    assert percent(namespace) is None
    stage.deploy(1)
    assert target.dry_run(stage.releases[1], ENVIRONMENT) == (), "it is there already"
    assert target.begins(stage.releases[1], ENVIRONMENT) is None
    goes = target.dry_run(stage.releases[0], ENVIRONMENT)
    assert [line for line in goes if "image:" in line and line[0] in "+-"] == [], "its revision stays the latest one"
    assert [line for line in goes if line.endswith("0") and line[0] in "+-"] == [
        "-    canaryTrafficPercent: 10",
        "+    canaryTrafficPercent: 0",
    ]
    stage.deploy(0)
    assert target.dry_run(stage.releases[0], ENVIRONMENT) == ()


def test_a_failed_smoke_is_no_canary(stage: Stage) -> None:
    serving, _ = stage.deploy(0)
    with pytest.raises(GateFailed, match="serves the model"):
        stage.deploy(1, wanted="0" * 64)
    assert answers(stage, serving.url, 20) == {1.0: 20}
    assert target_of(stage).canary("toy", ENVIRONMENT) is None


def test_what_prometheus_counts_promotes_it(
    stage: Stage, servers: Servers, namespace: Namespace, tmp_path: Path
) -> None:
    serving, _ = stage.deploy(0)
    with prometheus(tmp_path) as watcher:
        watcher.look_at(([servers.port(source / "model") for source in stage.sources], {}))
        watcher.until("count(mlops_model_info)", 2)
        stage.deploy(1)
        for expected, requests in ((50, 300), (None, 80)):
            before = [watcher.ask(COUNTED.format(digest=release.model_digest)) for release in stage.releases]
            shares = answers(stage, serving.url, requests)
            for release, earlier, value in zip(stage.releases, before, (1.0, 2.0), strict=True):
                watcher.until(f"{COUNTED.format(digest=release.model_digest)} >= bool {earlier + shares[value]}", 1)
            result = look(stage, watcher.url, tmp_path)
            assert result.status is Status.PASSED, result
            assert percent(namespace) == expected, result
    assert canary_of(stage).outcome is Outcome.PROMOTED
    assert [(seen.percent, seen.verdict) for seen in canary_of(stage).verdicts] == [
        (10, WindowVerdict.PASS),
        (50, WindowVerdict.PASS),
    ]


def look(stage: Stage, url: str, home: Path) -> StageResult:
    """As `canary tick` does, once a step has lasted its second."""
    target, registry = target_of(stage), MlflowRegistry(root=home, uri=URI, registry_uri=URI)
    until(lambda: lasted(canary_of(stage), clock.now()) >= timedelta(seconds=1))
    meter = PrometheusTraffic(url=url)
    asked = policy(ASKED)
    return watch("toy", ENVIRONMENT, asked, target=target, meter=meter, registry=registry, now=clock.now())


CONFIG = """\
version: 1
tracking: {{uri: "http://127.0.0.1:1"}}
models:
  toy:
    build: {{image: registry.invalid/toy}}
    environments:
      staging: {{target: local}}
      production:
        target: kserve
        namespace: {namespace}
        mode: Knative
        prometheus: http://127.0.0.1:1
        canary: {{window: 1s}}
        requires: {{verified_in: staging}}
"""


def test_the_command_line_looks_at_it_from_anywhere(
    stage: Stage, namespace: Namespace, cluster: Cluster, tmp_path: Path
) -> None:
    stage.deploy(0)
    stage.deploy(1)
    until(lambda: lasted(canary_of(stage), clock.now()) >= timedelta(seconds=1))
    person = Person(tmp_path / "r", {"KUBECONFIG": str(cluster.kubeconfig)})
    person.write("mlops.yaml", CONFIG.format(namespace=namespace.name))
    person.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    person.write(f"releases/toy/{ENVIRONMENT}.yaml", release_file.render(stage.releases[1]).decode())
    person.git("init", "-q", "-b", "main")
    person.commit("Config")
    planned = " ".join(person.mlops("deploy", "--environment", ENVIRONMENT, "--dry-run").split())
    assert "already done: version 2" in planned, "it is not asked again for what staging no longer serves"
    assert "is a canary with 10% of the traffic" in planned
    said = person.mlops("canary", "tick", expect=3)
    assert "✗ traffic: no answer from http://127.0.0.1:1" in said
    assert percent(namespace) == 10
    shown = person.mlops("canary", "show").splitlines()
    assert shown[0].startswith("toy production: version 2 is running with 10% of the traffic since ")
    assert "10% error: no answer from http://127.0.0.1:1" in shown[1]
