"""A manifest held against the schema that the cluster itself publishes, before it is sent.

An API server answers a server-side apply of an unknown field, or of a wrong type, with 500, which says neither whose
fault it is nor where. What it publishes is OpenAPI; for jsonschema it has to be closed, since there an object may have
any other key, and here none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.manifest import GROUP, KIND, VERSION
from mlops_ci.errors import BackendError, ConfigError

DOCUMENT = f"/openapi/v3/apis/{GROUP}/{VERSION}"
REFERENCES = "#/components/schemas/"
PATTERNED = ("pattern", "format")  # Go's regular expressions are not Python's; the server checks these itself
SHOWN = 5


def published(client: KubeClient) -> dict[str, Any]:
    """The schema of an InferenceService. Raises BackendError where the cluster has no KServe, or an older one."""
    document = client.get(DOCUMENT)
    schemas = document["components"]["schemas"] if document else {}
    for schema in schemas.values():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            if (kind["group"], kind["version"], kind["kind"]) == (GROUP, VERSION, KIND):
                known: dict[str, Any] = closed(schema, schemas)
                return known
    raise BackendError(
        f"the cluster at {client.host} knows no {KIND} {GROUP}/{VERSION}",
        hint="install KServe there, or choose another 'context'",
        docs="kserve.md#which-cluster",
    )


def closed(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """An OpenAPI schema as a JSON schema in which an object has no keys but those that are named."""
    if isinstance(schema, list):
        return [closed(item, schemas) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if len(all_of := schema.get("allOf", [])) == 1 and "$ref" in all_of[0]:
        schema = all_of[0]
    if "$ref" in schema:
        schema = schemas.get(schema["$ref"].removeprefix(REFERENCES), {})
    found = {key: closed(value, schemas) for key, value in schema.items() if key not in (*PATTERNED, "properties")}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string", "number"]}
    if "properties" in schema:
        found["properties"] = {name: closed(item, schemas) for name, item in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    return found


def refuse_invalid(manifest: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raises ConfigError that names each field: what is in a manifest besides the release comes from mlops.yaml."""
    import jsonschema

    found = sorted(
        jsonschema.Draft4Validator(schema).iter_errors(manifest), key=lambda error: list(map(str, error.path))
    )
    if not found:
        return
    lines = [f"{_place(error.absolute_path)}: {error.message[:200]}" for error in found[:SHOWN]]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    raise ConfigError(
        f"this cluster's KServe does not take the manifest: {lines[0]}",
        hint="\n".join([*lines[1:], *more, "nothing was applied; see the environment's keys in mlops.yaml"]),
        docs="kserve.md#when-something-is-wrong",
    )


def _place(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the manifest"
