"""What an apply would change, as the API server answers a dry run: nothing is stored, and only our fields are shown."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

import yaml

from mlops_ci.backends.kserve.kube_client import Refused
from mlops_ci.backends.kserve.manifest import RELEASE
from mlops_ci.backends.kserve.service import Service

CONTEXT = 2


def dry_run(service: Service, manifest: Mapping[str, Any], applied: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Lines of a unified diff of the InferenceService; `applied` is what was applied last, None for unknown.

    Raises BackendError where the apply would be refused.
    """
    found = service.read()
    try:
        would = service.client.apply(service.path, manifest, force=service.options.force_conflicts, dry_run=True)
    except Refused as error:
        raise service.conflict(error) if error.status == 409 else error from None
    applied = applied or manifest  # fields that were ours, and are not any more, go
    before = _lines(ours(applied, found)) if found else []
    name = f"InferenceService {service.options.namespace}/{service.name}"
    lines = difflib.unified_diff(
        before, _lines(ours(manifest, would)), f"{name} (now)", f"{name} (then)", n=CONTEXT, lineterm=""
    )
    return tuple(lines)


def ours(manifest: Any, found: Any) -> Any:
    """What `found` says of the fields that the manifest has; the release among them as data."""
    if isinstance(manifest, Mapping) and isinstance(found, Mapping):
        return {key: _opened(key, ours(item, found[key])) for key, item in manifest.items() if key in found}
    return found


def _opened(key: str, value: Any) -> Any:
    try:
        return json.loads(value) if key == RELEASE else value
    except (ValueError, TypeError):
        return value


def _lines(document: Any) -> list[str]:
    return yaml.safe_dump(document, sort_keys=True, width=1000).splitlines()
