"""Check runs made several in one request.

REST makes one a request; GraphQL's `createCheckRun` stands as often in one request as it is named. Secondary limits
count requests, so a commit of fifty models costs what one of two does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.problems import GitHubError

MOST = 25  # a request: GitHub gives one ten seconds
BYTES = 500_000  # a request, about
Body = Mapping[str, Any]  # as REST takes a check run


def create(api: Api, bodies: Sequence[Body]) -> list[dict[str, Any]]:
    """Make these check runs; those that were made, as REST lists them. What is refused is missing: REST says why.

    Raises Unsure where nobody knows whether those of a request were made.
    """
    made: list[dict[str, Any]] = []
    for batch in batches(bodies):
        try:
            found = api.mutate(_mutation(len(batch)), **{f"c{n}": _input(api.node, it) for n, it in enumerate(batch)})
        except GitHubError:
            return made
        for number, body in enumerate(batch):
            if run := (found.get(f"c{number}") or {}).get("checkRun"):
                made.append({"name": body["name"], "external_id": body["external_id"], "html_url": run["url"]})
    return made


def batches(bodies: Sequence[Body]) -> Iterator[list[Body]]:
    """In their order, at most so many and so large a request."""
    batch: list[Body] = []
    room = BYTES
    for body in bodies:
        size = len(json.dumps(body))
        if batch and (len(batch) == MOST or size > room):
            yield batch
            batch, room = [], BYTES
        batch.append(body)
        room -= size
    if batch:
        yield batch


def _mutation(count: int) -> str:
    names = [f"c{number}" for number in range(count)]
    given = ", ".join(f"${name}: CreateCheckRunInput!" for name in names)
    made = " ".join(f"{name}: createCheckRun(input: ${name}) {{ checkRun {{ url }} }}" for name in names)
    return f"mutation({given}) {{ {made} }}"


def _input(repository: str, body: Body) -> dict[str, Any]:
    """REST's body as GraphQL wants it."""
    output = dict(body["output"])
    if annotations := output.get("annotations"):
        output["annotations"] = [_annotation(item) for item in annotations]
    made = {
        "repositoryId": repository,
        "name": body["name"],
        "headSha": body["head_sha"],
        "status": body["status"].upper(),
        "conclusion": body["conclusion"].upper(),
        "externalId": body["external_id"],
        "output": output,
    }
    return made | ({"detailsUrl": body["details_url"]} if "details_url" in body else {})


def _annotation(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": item["path"],
        "location": {"startLine": item["start_line"], "endLine": item["end_line"]},
        "annotationLevel": item["annotation_level"].upper(),
        "title": item["title"],
        "message": item["message"],
    }
