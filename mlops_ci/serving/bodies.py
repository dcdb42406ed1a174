"""A request's bytes as a JSON document, and its content type."""

from __future__ import annotations

import json
from typing import Any

import orjson

from mlops_ci.serving.refusals import Refusal, malformed

COLON_ESCAPED = b"\\u003"
JSON = "application/json"


def parse(body: bytes) -> dict[str, Any]:
    """The document. Raises Refusal for what is no JSON object, nested too deeply, or has a key twice."""
    if not body:
        raise malformed("the body is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"the body is not valid JSON (line {error.lineno}, column {error.colno})") from None
    if type(document) is not dict:
        raise malformed("the body must be a JSON object")
    try:
        again = orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise malformed("the body is nested too deeply") from None
    # The parser keeps the last of two equal keys. A key's colon that got lost shows without looking at each key.
    if again.count(b":") != body.count(b":") or COLON_ESCAPED in body:
        _no_key_twice(body)
    return document


def _no_key_twice(body: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise malformed("the body has a key twice in one object")
        return found

    # Numbers stay text: Python's own conversion of a very long one is slow on purpose, or refused.
    json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def content_type(headers: dict[bytes, bytes]) -> str:
    """The media type, lower case, without parameters; JSON where the header is missing.

    Raises Refusal (415) for another charset than UTF-8, for compressed bodies and for binary tensors.
    """
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise Refusal(415, "compressed bodies are not read; send plain JSON", reason="content_type")
    if b"inference-header-content-length" in headers:
        raise Refusal(415, "binary tensors are not read; send the data as JSON", reason="content_type")
    raw = headers.get(b"content-type")
    if raw is None or raw == b"application/json":
        return JSON
    media, *parameters = raw.decode("latin-1").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('" ') not in ("utf-8", "utf8", "us-ascii"):
            raise Refusal(415, "the charset must be UTF-8", reason="content_type")
    return media.strip()
