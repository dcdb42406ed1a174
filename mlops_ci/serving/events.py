"""CloudEvents over HTTP, in binary and in structured mode: an event in, an event out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mlops_ci.serving.bodies import JSON, parse
from mlops_ci.serving.refusals import Refusal, malformed

STRUCTURED = "application/cloudevents+json"
TYPE = "io.kserve.inference.response"  # KServe's own
VERSIONS = ("1.0", "0.3")


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event that came in. `data` is the protocol's body, where it came inside of the event."""

    structured: bool
    version: str
    data: dict[str, Any] | None = None


def binary_event(headers: Mapping[bytes, bytes]) -> Event | None:
    """The event that the headers tell of, or None. Raises Refusal where an attribute is missing."""
    if b"ce-specversion" not in headers:
        return None
    version = headers[b"ce-specversion"].decode("latin-1")
    _complete({name: headers.get(f"ce-{name}".encode()) for name in ("id", "source", "type")}, version)
    return Event(structured=False, version=version)


def structured_event(body: bytes) -> Event:
    """The event that the body is. Raises Refusal where an attribute is missing or the data is no JSON object."""
    document = parse(body)
    version = document.get("specversion")
    _complete({name: document.get(name) for name in ("id", "source", "type")}, version)
    if document.get("datacontenttype", JSON) != JSON:
        raise Refusal(415, "the event's 'datacontenttype' must be application/json", reason="content_type")
    data = document.get("data")
    if type(document.get("data_base64")) is str:
        data = _decoded(document["data_base64"])
    if type(data) is not dict:
        raise malformed("the event's 'data' must be a JSON object")
    return Event(structured=True, version=str(version), data=data)


def _decoded(text: str) -> dict[str, Any]:
    import base64

    try:
        return parse(base64.b64decode(text, validate=True))
    except ValueError:
        raise malformed("the event's 'data_base64' is not base64") from None


def _complete(attributes: Mapping[str, Any], version: Any) -> None:
    if version not in VERSIONS:
        raise malformed(f"the event's 'specversion' must be one of {', '.join(VERSIONS)}")
    for name, value in attributes.items():
        if not value:
            raise malformed(f"the event has no '{name}'")


def reply(event: Event, body: bytes, source: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """(body, headers) of the answer, in the mode of the event that came in."""
    attributes = {"specversion": event.version, "id": str(uuid.uuid4()), "source": source, "type": TYPE}
    if event.structured:
        document = {**attributes, "datacontenttype": JSON, "data": orjson.Fragment(body)}
        return orjson.dumps(document), [(b"content-type", STRUCTURED.encode())]
    headers = [(f"ce-{name}".encode(), value.encode("utf-8")) for name, value in attributes.items()]
    return body, [*headers, (b"content-type", JSON.encode())]
