"""The objects that KServe, Knative and kwok bring along in their Go modules, as JSON: the YAML takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

KSERVE = "github.com/kserve/kserve/cmd/manager"
KNATIVE = "knative.dev/serving/pkg/apis/serving/v1"
KWOK = "sigs.k8s.io/kwok/cmd/kwok"
STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
RUNTIMES = ("kserve-sklearnserver.yaml", "kserve-mlserver.yaml")
UNTAGGED = ":replace"  # what KServe's own kustomization replaces with the image's release


def prepared(folder_of: Callable[[str, str], Path]) -> dict[str, Any]:
    """All objects; `folder_of(module, package)` is the folder of the Go module that holds a package."""
    kserve = folder_of("kserve", KSERVE) / "config"
    knative = folder_of("kserve", KNATIVE) / "config/core/300-resources"
    kwok = folder_of("kwok", KWOK) / "kustomize/stage"
    definitions = [
        *sorted((kserve / "crd/full").glob("serving.kserve.io_*.yaml")),
        *sorted((kserve / "crd/full/clusterstoragecontainer").glob("serving.kserve.io_*.yaml")),
        *(knative / f"{kind}.yaml" for kind in ("configuration", "revision", "route", "service")),
    ]
    return {
        "definitions": [_definition(found) for found in _documents(definitions)],
        "webhooks": list(_documents([kserve / "webhook/manifests.yaml"])),
        "settings": next(_documents([kserve / "configmap/inferenceservice.yaml"])),
        "runtimes": [_tagged(found) for found in _documents([kserve / "runtimes" / name for name in RUNTIMES])],
        "storage": [_tagged(found) for found in _documents([kserve / "storagecontainers/default.yaml"])],
        "stages": list(_documents([kwok / name for name in STAGES])),
    }


def _documents(paths: list[Path]) -> Iterator[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in paths:
        yield from (document for document in yaml.load_all(path.read_text("utf-8"), loader) if document)


def _definition(found: dict[str, Any]) -> dict[str, Any]:
    """Without what only an API server writes, and without descriptions: they are most of it, and slow it down.

    Knative's own webhook, which would convert versions, is not there.
    """
    found.pop("status", None)
    found["metadata"].pop("creationTimestamp", None)
    found["spec"].pop("conversion", None)
    for version in found["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"] = _plain(version["schema"]["openAPIV3Schema"])
    return found


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the descriptions of its fields; a field may itself be named `description`."""
    kept = {key: value for key, value in schema.items() if key != "description"}
    if "properties" in kept:
        kept["properties"] = {name: _plain(below) for name, below in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _plain(kept[key])
    return kept


def _tagged(found: dict[str, Any]) -> dict[str, Any]:
    spec = found["spec"]
    for container in [*spec.get("containers", []), *([spec["container"]] if "container" in spec else [])]:
        container["image"] = f"kserve.invalid/{container['image'].removesuffix(UNTAGGED)}:tests"
    return found
