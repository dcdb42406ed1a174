"""GitHub's own description of its REST API: what a request and a response must look like, and what else they have.

What it sends by itself, as the webhooks' payloads that start workflows, is described there too.

The file is fetched by `script/github-api`. Its 13 MB are reduced to the operations that are served here, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

HOST = "https://api.github.com"
SETUP = "script/github-api fetches GitHub's description of its API; it needs npm"
Operation = tuple[str, str]  # method, path template
HOOKS = "/webhooks/"  # what a payload is kept under: a request to a path of the event's name
EVERYWHERE = (401, 403, 404, 429)


def folder() -> Path | None:
    """Where the newest description lies, None where nobody fetched it."""
    cache = Path(os.environ.get("MLOPS_CI_CACHE") or Path.home() / ".cache/mlops-ci-tests") / "github-api"
    found = sorted(cache.glob("*/schema.graphql"))
    return found[-1].parent if found else None


@dataclass(frozen=True)
class Description:
    """The description of the operations served here."""

    document: dict[str, Any]

    @classmethod
    def load(cls, operations: Iterable[Operation], webhooks: Iterable[str] = ()) -> Description:
        """The reduced description, made where it is not there yet; `webhooks` are named as `pull-request-opened`."""
        place = folder()
        assert place is not None, SETUP
        wanted = sorted({*operations, *(("POST", f"{HOOKS}{name}") for name in webhooks)})
        name = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:16]
        reduced = place / f"reduced-{name}.json"
        if not reduced.is_file():
            whole = json.loads((place / "openapi.json").read_text("utf-8"))
            beside = reduced.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(reduce(whole, wanted)), "utf-8")
            beside.replace(reduced)
        return cls(json.loads(reduced.read_text("utf-8")))

    @cached_property
    def checker(self) -> Any:
        from openapi_core import Config, OpenAPI

        unchecked: Any = None  # checking the description itself takes minutes
        return OpenAPI.from_dict(self.document, config=Config(spec_validator_cls=unchecked))

    def wrong_request(self, exchange: Exchange) -> str:
        """What the description says against a request, '' where it says nothing."""
        return _said(lambda: self.checker.validate_request(exchange.request))

    def wrong_response(self, exchange: Exchange, template: str) -> str:
        """The same for a response. That any may refuse a token or know of nothing is not described."""
        known = self.document["paths"][template][exchange.method.lower()]["responses"]
        if exchange.status in EVERYWHERE and str(exchange.status) not in known:
            return ""
        return _said(lambda: self.checker.validate_response(exchange.request, exchange.response))

    def complete(self, method: str, template: str, status: int, given: Any) -> Any:
        """A response with what it must have and nobody gave: URLs, counts and flags that no test looks at."""
        operation = self.document["paths"][template][method.lower()]
        answer = self._resolved(operation["responses"].get(str(status), {}))
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        return self._filled(schema, given) if schema is not None else given

    def event(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A webhook's payload with all that it must have. Raises AssertionError where it is not as described."""
        path = f"{HOOKS}{name}"
        schema = self.document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        whole: dict[str, Any] = self._filled(schema, given)
        sent = Exchange(method="POST", path=path, query={}, headers={}, body=json.dumps(whole).encode())
        assert not (wrong := self.wrong_request(sent)), f"{name}: {wrong}"
        return whole

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            found: Any = self.document
            for word in schema["$ref"].removeprefix("#/").split("/"):
                found = found[word]
            schema = found
        return schema

    def _filled(self, schema: Mapping[str, Any], given: Any) -> Any:
        schema = self._resolved(schema)
        if given is None:
            return None
        for choice in ("oneOf", "anyOf"):
            if choice in schema and "properties" not in schema:
                return self._filled(self._choice(schema[choice], given), given)
        if isinstance(given, list):
            return [self._filled(schema.get("items", {}), item) for item in given]
        if not isinstance(given, dict):
            return given
        parts = [self._resolved(part) for part in schema.get("allOf", ())] or [schema]
        properties = {name: item for part in parts for name, item in part.get("properties", {}).items()}
        required = [name for part in parts for name in part.get("required", ())]
        whole = {name: self._filled(properties.get(name, {}), value) for name, value in given.items()}
        for name in required:
            if name not in whole:
                whole[name] = self._invented(properties.get(name, {}), name)
        return whole

    def _choice(self, choices: list[Mapping[str, Any]], given: Any) -> Mapping[str, Any]:
        kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}.get(type(given))
        fitting = [item for item in map(self._resolved, choices) if item.get("type", "object") == kind]
        known = set(given) if isinstance(given, dict) else set()
        return max(fitting or choices, key=lambda item: len(known & set(item.get("properties", ()))))

    def _invented(self, schema: Mapping[str, Any], name: str) -> Any:
        schema = self._resolved(schema)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        for choice in ("oneOf", "anyOf", "allOf"):
            if choice in schema and "properties" not in schema:
                return self._invented(schema[choice][0], name)
        kind = schema.get("type", "object")
        if kind == "string":
            invented = {"uri": f"{HOST}/{name}", "date-time": "2026-01-01T00:00:00Z"}
            return invented.get(schema.get("format", ""), f"{name}")
        if kind == "object":
            return self._filled(schema, {})
        return {"integer": 0, "number": 0, "boolean": False, "array": []}[kind]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its response, as the checker wants to see them. `path` has no base path of a GitHub Enterprise."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    answer: bytes = b""
    answer_headers: Mapping[str, str] | None = None

    @property
    def request(self) -> Any:
        from openapi_core.testing import MockRequest

        return MockRequest(
            HOST,
            self.method.lower(),
            self.path,
            args=dict(self.query),
            headers=dict(self.headers),
            data=self.body or None,
            content_type="application/json",
        )

    @property
    def response(self) -> Any:
        from openapi_core.testing import MockResponse

        kind = (self.answer_headers or {}).get("content-type", "application/json")
        return MockResponse(self.answer, status_code=self.status, content_type=kind)


def _said(check: Any) -> str:
    from openapi_core.exceptions import OpenAPIError

    try:
        check()
    except OpenAPIError as error:
        inner = getattr(error.__cause__, "schema_errors", None) or [error.__cause__ or error]
        # GitHub says '' where there is no address, as its own description's defaults do, and calls that a URI.
        inner = [item for item in inner if not (getattr(item, "validator", "") == "format" and item.instance == "")]
        lines = [f"{getattr(item, 'json_path', '')} {item}".strip().partition("\n")[0][:300] for item in inner]
        return "; ".join(lines[:3])
    return ""


def reduce(whole: Mapping[str, Any], operations: Iterable[Operation]) -> dict[str, Any]:
    """The description of some operations alone, and the components they refer to; no prose, no examples."""
    paths: dict[str, Any] = {}
    for method, template in operations:
        if template.startswith(HOOKS):
            sent = whole["x-webhooks"][template.removeprefix(HOOKS)]["post"]
            described = {"requestBody": sent["requestBody"], "responses": {}}
        else:
            described = whole["paths"][template][method.lower()]
        paths.setdefault(template, {})[method.lower()] = _bare(described)
    components: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _bare(whole["components"][kind][name])
            waiting += _references(components[kind][name])
    return {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": whole["servers"],
        "paths": paths,
        "components": components,
    }


# No check looks at these; `discriminator` only says which choice to try first, and breaks on a list.
UNREAD = (
    "description",
    "example",
    "examples",
    "externalDocs",
    "x-github",
    "x-github-breaking-changes",
    "discriminator",
)
NULL = {"type": "string", "nullable": True, "enum": [None]}


def _bare(node: Any, *, named: bool = False) -> Any:
    """Without what no check looks at. `named` nodes are maps whose keys are names, not words of OpenAPI.

    `nullable` beside a choice means that null is one more choice; the checker knows it beside a type alone.
    """
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    bare = {
        key: _bare(value, named=key == "properties" and not named)
        for key, value in node.items()
        if named or key not in UNREAD
    }
    for choice in ("oneOf", "anyOf"):
        if not named and bare.get("nullable") is True and isinstance(bare.get(choice), list):
            bare[choice].append(NULL)
    return bare


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(found := node.get("$ref"), str) and re.match(r"#/components/", found):
            yield found
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
