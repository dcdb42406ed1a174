"""What a deployer does in its namespace, right by right, and whether a cluster lets it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.options import KNATIVE, KserveOptions, own_name, service_name
from mlops_ci.records.doctor import ClusterFacts, Right

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SERVING, LEASES = "serving.kserve.io", "coordination.k8s.io"
AT_ONCE = 8


def rights(model: str, environment: str, namespace: str, mode: str) -> Iterator[Right]:
    """The rules of docs/kserve.md, for one service; a test holds the two against each other."""
    service = service_name(model, environment, namespace)
    own, child = own_name(service), f"{service}-predictor"
    for verb in ("get", "patch", "delete"):
        yield Right(group=SERVING, resource="inferenceservices", verb=verb, name=service)
    yield Right(group=SERVING, resource="inferenceservices", verb="create")
    if mode == KNATIVE:
        yield Right(group="serving.knative.dev", resource="services", verb="get", name=child)
    else:
        yield Right(group="apps", resource="deployments", verb="get", name=child)
    for group, resource in (("", "secrets"), (LEASES, "leases")):
        for verb in ("get", "update"):
            yield Right(group=group, resource=resource, verb=verb, name=own)
        yield Right(group=group, resource=resource, verb="create")
    for resource, verb in (("pods", "list"), ("events", "list"), ("pods/log", "get")):
        yield Right(group="", resource=resource, verb=verb, needed=False)


def look(client: KubeClient, services: tuple[tuple[str, str], ...], options: KserveOptions) -> ClusterFacts:
    """One namespace, for all services (model, environment) in it. Raises BackendError where nobody answers."""
    wanted = tuple(
        dict.fromkeys(
            right
            for model, environment in services
            for right in rights(model, environment, options.namespace, options.mode)
        )
    )
    version = client.get("/version") or {}
    kserve = client.get(f"/apis/{SERVING}/v1beta1") is not None
    denied: tuple[Right, ...] = ()
    if kserve:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            allowed = list(pool.map(lambda right: may(client, options.namespace, right), wanted))
        denied = tuple(right for right, fine in zip(wanted, allowed, strict=True) if not fine)
    return ClusterFacts(
        host=client.host,
        version=str(version.get("gitVersion", "of an unknown version")),
        kserve=kserve,
        denied=denied,
        asked=len(wanted),
    )


def may(client: KubeClient, namespace: str, right: Right) -> bool:
    """What the API server says of one right; asking changes nothing."""
    resource, _, below = right.resource.partition("/")
    attributes = {"namespace": namespace, "group": right.group, "resource": resource, "verb": right.verb}
    asked = {**attributes, **({"subresource": below} if below else {}), **({"name": right.name} if right.name else {})}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    return bool(client.create(REVIEWS, body)["status"]["allowed"])
