"""A release as KServe's InferenceService: pure, so that what would be applied can be read, compared and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlops_ci.backends.keeper.server_settings import drain_seconds, settings_of
from mlops_ci.backends.kserve.options import KNATIVE, STANDARD, KserveOptions, service_name
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import ConfigError
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Release
from mlops_ci.records.server import PORT, WINDOWS

GROUP, VERSION, PLURAL, KIND = "serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService"
MODE = f"{GROUP}/deploymentMode"
TAGS = f"{GROUP}/enable-tag-routing"
RELEASE, MODEL, ENVIRONMENT = "mlops-ci/release", "mlops-ci/model", "mlops-ci/environment"
MANIFEST = "mlops-ci/manifest"
DIGEST_LABEL = "mlops-ci/model-digest"
CONTAINER = "kserve-container"  # the one that KServe looks at
DEREGISTER_SECONDS = 5  # until nobody sends a pod that ends anything new
GRACE_SECONDS = 10
START_SECONDS = 600  # to load the model
LABEL_LENGTH = 63
SECURITY = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def render(release: Release, environment: str, options: KserveOptions, *, percent: int | None = None) -> dict[str, Any]:
    """The manifest. `percent` is the share of traffic for it in Knative mode; None is all of it.

    Everything in its annotations goes on to the pods, so that whatever changes there replaces them: what changes with
    every commit is kept elsewhere (kserve_record.py). Raises ConfigError for a release that has neither image nor
    storage, and for a share in Standard mode, where KServe would ignore it.
    """
    if percent is not None and options.mode != KNATIVE:
        raise ConfigError("only KServe's Knative mode splits traffic", hint="mode: Knative", docs="kserve.md#modes")
    predictor = {**_predictor(release, environment, options), **_common(options)}
    if options.mode == STANDARD:
        predictor |= _rolling(release)
    annotations = {
        MODE: options.mode,
        MODEL: release.model,
        ENVIRONMENT: environment,
        RELEASE: json.dumps(encode(release), sort_keys=True),
    }
    if options.mode == KNATIVE:
        annotations[TAGS] = "true"  # a route to the latest revision alone
    annotations[MANIFEST] = digest_of([annotations, predictor])[:32]
    predictor["minReplicas"] = options.replicas
    predictor["maxReplicas"] = max(options.replicas, options.max_replicas)
    if percent is not None:
        predictor["canaryTrafficPercent"] = percent
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {
            "name": service_name(release.model, environment, options.namespace),
            "namespace": options.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "mlops-ci",
                DIGEST_LABEL: release.model_digest[:LABEL_LENGTH],
            },
            "annotations": annotations,
        },
        "spec": {"predictor": predictor},
    }


def path(namespace: str, name: str) -> str:
    """Where the API server has the object."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"


def annotations_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    """An object's annotations."""
    return found.get("metadata", {}).get("annotations") or {}


def release_of(found: Mapping[str, Any]) -> Release | None:
    """The release that an object says it is; None where it says nothing that can be read."""
    try:
        return decode(Release, json.loads(annotations_of(found)[RELEASE]))
    except (KeyError, ValueError, CodecError):
        return None


def served_image(pod: Mapping[str, Any]) -> str:
    """The image of the model server in a pod's (or predictor's) spec; '' where there is none."""
    return next((str(one.get("image", "")) for one in pod.get("containers") or [] if one.get("name") == CONTAINER), "")


def _common(options: KserveOptions) -> dict[str, Any]:
    found: dict[str, Any] = {"automountServiceAccountToken": False}
    if options.service_account:
        found["serviceAccountName"] = options.service_account
    if options.pull_secret:
        found["imagePullSecrets"] = [{"name": options.pull_secret}]
    return found


def _predictor(release: Release, environment: str, options: KserveOptions) -> dict[str, Any]:
    if release.image_reference:
        return _image(release, options)
    if release.storage_uri:
        return _stored(release, options)
    raise ConfigError(
        f"version {release.version} of {release.model} has neither an image nor a storage URI for {environment}",
        hint="'build:' in mlops.yaml builds an image, or with 'mode: none' names the storage, with the next merge",
        docs="kserve.md#what-is-served",
    )


def _image(release: Release, options: KserveOptions) -> dict[str, Any]:
    """The image by its digest, as an unprivileged user on a file system that can't be written to."""
    settings = settings_of(release, WINDOWS)
    volumes = {"tmp": "/tmp"}  # noqa: S108
    if "log" in settings:
        volumes["windows"] = WINDOWS
    args = ["--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104
    if settings:
        args += ["--settings-json", json.dumps(settings, sort_keys=True)]
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": release.image_reference,
        "args": args,
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": PORT}, "periodSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": PORT},
            "initialDelaySeconds": START_SECONDS if options.mode == KNATIVE else 0,
            "timeoutSeconds": 10,
        },
        "resources": options.resources,
        "securityContext": SECURITY,
        "volumeMounts": [{"name": name, "mountPath": place} for name, place in volumes.items()],
    }
    if options.mode == STANDARD:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": DEREGISTER_SECONDS}}}
        container["startupProbe"] = {**container["readinessProbe"], "failureThreshold": START_SECONDS // 2}
    return {"containers": [container], "volumes": [{"name": name, "emptyDir": {}} for name in volumes]}


def _rolling(release: Release) -> dict[str, Any]:
    """Standard mode: a new pod is ready before an old one goes, and an old one answers until nobody asks it any more.
    Knative sees to both by itself, and takes no such fields."""
    drain = drain_seconds(settings_of(release, WINDOWS))
    return {
        "terminationGracePeriodSeconds": int(DEREGISTER_SECONDS + drain + GRACE_SECONDS),
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
    }


def _stored(release: Release, options: KserveOptions) -> dict[str, Any]:
    """KServe's own MLflow runtime, which fetches the model; it does not know our digest."""
    return {
        "model": {
            "modelFormat": {"name": "mlflow"},
            "protocolVersion": "v2",
            "storageUri": release.storage_uri,
            "resources": options.resources,
        }
    }
