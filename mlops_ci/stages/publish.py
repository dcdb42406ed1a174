"""Results that a fork's run handed over: found through the forge, read as data, and held against what the forge says.

Whoever opened the pull request can have written every byte of them. Which pull request they belong to is told by the
forge; what they say of themselves must agree with it, or all of them are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mlops_ci.errors import ArchiveRefused
from mlops_ci.io.archive import Limits, read_zip, shown
from mlops_ci.ports.runs import Runs
from mlops_ci.records.codec import CodecError, decode
from mlops_ci.records.details import DETAILS, check_details
from mlops_ci.records.results import RESULT_VERSION, StageResult
from mlops_ci.records.runs import WorkflowRun

PREFIX = "mlops-ci-results"  # how the names of artifacts with results begin
NAME = re.compile(r"([a-z0-9][a-z0-9-]{0,62})/(" + "|".join(DETAILS) + r")\.json")
MOST = 200  # artifacts, one a model
LONGEST_NUMBER = 25  # digits
DEEPEST = 40  # levels of a document


def fetch(run: WorkflowRun, *, runs: Runs, limits: Limits) -> dict[str, bytes]:
    """The files of all artifacts with results, read within the limits; empty where the run handed none over.

    Raises ArchiveRefused, for a size before it is fetched.
    """
    ours = [item for item in runs.artifacts(run) if item.name == PREFIX or item.name.startswith(f"{PREFIX}-")]
    if len(ours) > MOST:
        raise ArchiveRefused(f"the run has more than {MOST} artifacts with results")
    found: dict[str, bytes] = {}
    for item in ours:
        what = f"the artifact {shown(item.name)}"
        if item.expired:
            raise ArchiveRefused(f"{what} has expired; run the workflow again")
        try:
            if item.size > limits.packed:
                raise ArchiveRefused(f"it has {item.size:,} bytes, more than {limits.packed:,}")
            files = read_zip(runs.fetch(item, most=limits.packed), limits)
        except ArchiveRefused as error:
            raise ArchiveRefused(f"{what}: {error.message}") from None
        if twice := sorted(found.keys() & files.keys()):
            raise ArchiveRefused(f"{what}: {shown(twice[0])} is in another artifact, too")
        found.update(files)
        if sum(map(len, found.values())) > limits.unpacked:
            raise ArchiveRefused(f"the results have more than {limits.unpacked:,} bytes together")
    return found


def verify(files: Mapping[str, bytes], *, head: str, pulls: Collection[int]) -> tuple[int, tuple[StageResult, ...]]:
    """The pull request's number, and its results in the order of models and stages.

    `pulls` are the numbers that the forge gives for the run, `head` the commit it ran for. Raises ArchiveRefused for a
    file that is none of ours, is not of this version's schema, or is of another pull request or commit.
    """
    results = [_result(name, content, head=head, pulls=pulls) for name, content in sorted(files.items())]
    numbers = sorted({int(result.origin.pull_request) for result in results})
    if len(numbers) != 1:
        raise ArchiveRefused(f"its results are of {len(numbers)} pull requests, not of one")
    stages = list(DETAILS)
    return numbers[0], tuple(sorted(results, key=lambda result: (result.model, stages.index(result.stage))))


def _result(name: str, content: bytes, *, head: str, pulls: Collection[int]) -> StageResult:
    match = NAME.fullmatch(name)
    if match is None:
        raise ArchiveRefused(f"{shown(name)} is no result of a stage (<model>/<stage>.json)")
    document = _document(name, content)
    if document.get("version") != RESULT_VERSION:
        raise ArchiveRefused(
            f"{name} is of version {shown(str(document.get('version')))}, not {RESULT_VERSION}",
            hint="the fork's workflow runs another mlops-ci than this one",
        )
    try:
        result = decode(StageResult, document)
        check_details(_named(result, match[1], match[2], name))
    except CodecError as error:
        raise ArchiveRefused(f"{name} is not as the schema of results says: {shown(str(error))}") from None
    origin = result.origin
    if origin.head != head:
        raise ArchiveRefused(f"{name} is of the commit {shown(origin.head)}, and the run was for {head}")
    if origin.pull_request not in {str(number) for number in pulls}:
        listed = ", ".join(map(str, sorted(pulls)))
        raise ArchiveRefused(f"{name} is of pull request {shown(origin.pull_request)}, and the run was for {listed}")
    return result


def _named(result: StageResult, model: str, stage: str, name: str) -> StageResult:
    if (result.model, result.stage) != (model, stage):
        raise ArchiveRefused(f"{name} is of the model {shown(result.model)} and the stage {shown(result.stage)}")
    return result


def _document(name: str, content: bytes) -> dict[str, Any]:
    """A JSON object with nothing in it that another reader would read otherwise, or that has no end."""
    try:
        found = json.loads(
            content.decode("utf-8"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
        json.dumps(found, ensure_ascii=False).encode(
            "utf-8"
        )  # half a character can be escaped in JSON, and nowhere shown
    except RecursionError:
        raise ArchiveRefused(f"{name} is nested too deep") from None
    except ValueError as error:
        raise ArchiveRefused(f"{name} is no JSON: {shown(str(error))}") from None
    if not isinstance(found, dict):
        raise ArchiveRefused(f"{name} is no JSON object")
    _fit_depth(found, name)
    return found


def _fit_depth(document: Any, name: str) -> None:
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise ArchiveRefused(f"{name} is nested too deep")


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("a number that is too large")
    return found


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
