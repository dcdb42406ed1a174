"""What `doctor` asks a cluster for: the rights in docs/kserve.md, no more and no less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.backends.kserve.kube_client import ClusterDown, KubeClient
from mlops_ci.backends.kserve.options import KserveOptions
from mlops_ci.backends.kserve.rights import look, rights
from mlops_ci.cli.main import run
from mlops_ci.records.doctor import Right
from tests.backends.deployer_contract import ENVIRONMENT
from tests.cluster.cluster import Namespace
from tests.cluster.kserve_stage import CHILD
from tests.cluster.test_kserve_rights import access, rules
from tests.digests.repository import Repository

SERVICES = (("toy", ENVIRONMENT),)


@pytest.mark.parametrize(("mode", "other"), [("Standard", "services"), ("Knative", "deployments")])
def test_they_are_those_of_the_page(mode: str, other: str) -> None:
    documented = {
        (rule["apiGroups"][0], resource, verb, rule.get("resourceNames", [""])[0])
        for rule in rules()
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource != other
    }
    asked = list(rights("toy", ENVIRONMENT, "any", mode))
    assert {(one.group, one.resource, one.verb, one.name) for one in asked} == documented
    assert {one.resource for one in asked if not one.needed} == {"pods", "pods/log", "events"}


def denied(kubeconfig: Path, namespace: Namespace, mode: str = "Standard") -> tuple[Right, ...]:
    client = KubeClient.open(kubeconfig=str(kubeconfig), context="")
    found = look(client, SERVICES, KserveOptions(namespace=namespace.name, mode=mode))
    assert (found.kserve, found.version.startswith("v1."), found.asked) == (True, True, 14)
    return found.denied


@pytest.mark.slow
def test_a_cluster_says_what_is_denied(namespace: Namespace, tmp_path: Path) -> None:
    (index,) = (number for number, rule in enumerate(rules()) if rule["resources"] == ["deployments"])
    config = access(namespace, tmp_path, without=(index, "get"))
    assert denied(config, namespace) == (Right(group="apps", resource="deployments", verb="get", name=CHILD),)
    assert denied(config, namespace, "Knative") == ()
    elsewhere = Namespace(name="default", api=namespace.api)
    assert len(denied(config, elsewhere)) == 14


@pytest.mark.slow
def test_the_command_tells_of_a_namespace(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (index,) = (number for number, rule in enumerate(rules()) if rule["resources"] == ["pods/log"])
    monkeypatch.setenv("KUBECONFIG", str(access(namespace, tmp_path, without=(index, "get"))))
    monkeypatch.chdir(Repository.create(tmp_path / "models").root)
    place = f"{{target: kserve, namespace: {namespace.name}}}"
    Path("mlops.yaml").write_text(
        f"version: 1\nmodels: {{toy: {{build: {{mode: none}}, environments: {{{ENVIRONMENT}: {place}}}}}}}\n"
    )
    run(["doctor", "--json"])
    found = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["group"] == "servers"]
    assert [(one["name"], one["level"]) for one in found] == [
        (f"cluster {namespace.name}", "ok"),
        (f"cluster {namespace.name}", "warning"),
    ]
    assert "the 13 rights that it takes" in found[0]["message"]
    assert "may not get pods/log" in found[1]["message"]


def test_a_cluster_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
    )
    client = KubeClient.open(kubeconfig=str(config), context="")
    with pytest.raises(ClusterDown, match=r"127\.0\.0\.1:9 does not answer"):
        look(client, SERVICES, KserveOptions(namespace="ml"))
