"""What a fork's run handed over is data: held against what the forge says, and refused where it does not agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mlops_ci.errors import ArchiveRefused
from mlops_ci.io.archive import Limits
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import PullRequest
from mlops_ci.records.results import Origin, StageResult, Status
from mlops_ci.records.runs import Artifact, WorkflowRun
from mlops_ci.stages.publish import PREFIX, fetch, verify
from tests.io.test_archive import packed

HEAD = "a" * 40
RUN = WorkflowRun(
    number=7, event="pull_request", head=HEAD, branch="better", repository="eve/models", conclusion="success", url=""
)


def result(stage: str = "validate", model: str = "toy", **changed: Any) -> dict[str, Any]:
    """A result's document."""
    made = StageResult(
        stage=stage,
        model=model,
        status=Status.PASSED,
        origin=Origin(commit="b" * 40, head=HEAD, pull_request="3"),
    )
    return {**encode(made), **changed}


def text(document: Any) -> bytes:
    return json.dumps(document).encode()


def check(files: dict[str, bytes]) -> tuple[int, list[tuple[str, str]]]:
    number, results = verify(files, head=HEAD, pulls=(3, 4))
    return number, [(item.model, item.stage) for item in results]


def test_results_come_in_the_order_of_models_and_stages() -> None:
    names = [("toy", "validate"), ("toy", "affected"), ("abc", "train")]
    files = {f"{model}/{stage}.json": text(result(stage, model)) for model, stage in names}
    assert check(files) == (3, [("abc", "train"), ("toy", "affected"), ("toy", "validate")])


def test_details_are_checked_by_the_stage_s_own_record() -> None:
    details = encode(
        Affected(
            model="toy",
            affected=True,
            inputs_digest="1",
            base_inputs_digest="2",
            judgement_digest="3",
            base_judgement_digest="4",
            base="",
        )
    )
    assert check({"toy/affected.json": text(result("affected", details=details))})[0] == 3
    with pytest.raises(ArchiveRefused, match=r"\$: unknown field"):
        check({"toy/affected.json": text(result("affected", details={**details, "more": 1}))})


def of(**origin: str) -> bytes:
    return text(result(origin={**encode(Origin(commit="b" * 40, head=HEAD, pull_request="3")), **origin}))


NAME = "toy/validate.json"
ONE = text(result())
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "an unknown file": ("toy/run.sh", b"", "'toy/run.sh' is no result of a stage (<model>/<stage>.json)"),
    "a report": ("toy/report.html", b"", "'toy/report.html' is no result of a stage"),
    "an unknown stage": ("toy/deploy.json", b"", "is no result of a stage"),
    "a name in capitals": ("TOY/train.json", ONE, "is no result of a stage"),
    "a line break at the end": ("toy/train.json\n", ONE, "is no result of a stage"),
    "deeper": ("a/toy/train.json", ONE, "is no result of a stage"),
    "another model": (
        "toy/validate.json",
        text(result(model="<img>")),
        "toy/validate.json is of the model '<img>' and the stage 'validate'",
    ),
    "another stage": ("toy/train.json", ONE, "is of the model 'toy' and the stage 'validate'"),
    "another commit": (
        NAME,
        of(head="c" * 40),
        f"toy/validate.json is of the commit '{'c' * 40}', and the run was for {HEAD}",
    ),
    "no commit": (NAME, of(head=""), "is of the commit ''"),
    "another pull request": (
        NAME,
        of(pull_request="9"),
        "toy/validate.json is of pull request '9', and the run was for 3, 4",
    ),
    "no pull request": (NAME, of(pull_request=""), "is of pull request ''"),
    "a pull request with a text": (NAME, of(pull_request="3\n::error::x"), r"is of pull request '3\n::error::x'"),
    "another version": (NAME, text(result(version=2)), "toy/validate.json is of version '2', not 1"),
    "no version": (NAME, b"{}", "is of version 'None', not 1"),
    "a field too many": (NAME, text(result(more=1)), "is not as the schema of results says: \"$: unknown field 'more'"),
    "a wrong type": (NAME, text(result(checks={})), "$.checks: expected list, found dict"),
    "a status of its own": (NAME, text(result(status="great")), "$.status: 'great' is not one of"),
    "no JSON": (NAME, b"\x80\x04K\x01.", "toy/validate.json is no JSON"),
    "a list": (NAME, b"[]", "toy/validate.json is no JSON object"),
    "a key twice": (NAME, b'{"version": 1, "version": 1}', "is no JSON: 'a key is there twice'"),
    "NaN": (NAME, b'{"version": NaN}', "is no JSON: 'NaN is no JSON'"),
    "infinity": (NAME, b'{"version": 1e999}', "is no JSON: 'a number that is too large'"),
    "a number without end": (NAME, b'{"version": ' + b"9" * 5_000 + b"}", "is no JSON: 'a number of 5000 digits'"),
    "half a character": (NAME, b'{"version": "\\ud800"}', "toy/validate.json is no JSON"),
    "deep": (NAME, b'{"version": ' + b"[" * 50 + b"]" * 50 + b"}", "toy/validate.json is nested too deep"),
    "deeper than any stack": (NAME, b"[" * 200_000, "toy/validate.json is nested too deep"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_agree_is_refused(what: str) -> None:
    name, content, said = REFUSED[what]
    with pytest.raises(ArchiveRefused, match=re.escape(said)) as caught:
        check({name: content})
    assert str(caught.value).isprintable()


def test_results_of_two_pull_requests_are_refused() -> None:
    with pytest.raises(ArchiveRefused, match="its results are of 2 pull requests"):
        check({NAME: ONE, "other/validate.json": text({**json.loads(of(pull_request="4")), "model": "other"})})


@dataclass
class Handed:
    """A run's artifacts; keeps the `Runs` port. `fetched` counts."""

    zips: dict[str, bytes]
    change: Callable[[Artifact], Artifact] = lambda item: item
    fetched: list[str] = field(default_factory=list)

    def run(self, number: int) -> WorkflowRun:
        return RUN

    def pulls(self, run: WorkflowRun) -> tuple[PullRequest, ...]:
        return ()

    def artifacts(self, run: WorkflowRun) -> tuple[Artifact, ...]:
        found = enumerate(self.zips.items())
        return tuple(self.change(Artifact(number=n, name=name, size=len(zip_))) for n, (name, zip_) in found)

    def fetch(self, artifact: Artifact, *, most: int) -> bytes:
        self.fetched.append(artifact.name)
        return self.zips[artifact.name]


def test_the_artifacts_with_results_are_read_and_no_other() -> None:
    zips = {f"{PREFIX}-{model}": packed((f"{model}/validate.json", b"{}")) for model in ("a", "b")}
    handed = Handed({**zips, "coverage": b"", "mlops-ci-reports-a": b""})
    assert fetch(RUN, runs=handed, limits=Limits()) == {"a/validate.json": b"{}", "b/validate.json": b"{}"}
    assert handed.fetched == list(zips)


def test_what_is_too_large_is_not_fetched() -> None:
    handed = Handed({PREFIX: b""}, lambda item: replace(item, size=99_000_000))
    said = "the artifact 'mlops-ci-results': it has 99,000,000 bytes, more than 8,388,608"
    with pytest.raises(ArchiveRefused, match=said):
        fetch(RUN, runs=handed, limits=Limits())
    assert handed.fetched == []


def test_artifacts_together_keep_to_the_limits() -> None:
    zips = {f"{PREFIX}-{n}": packed((f"{n}/train.json", bytes(range(250)) * 20)) for n in range(3)}
    with pytest.raises(ArchiveRefused, match="the results have more than 12,000 bytes together"):
        fetch(RUN, runs=Handed(zips), limits=Limits(unpacked=12_000))


@pytest.mark.parametrize(
    ("zips", "said"),
    [
        ({f"{PREFIX}-{n}": packed(("toy/train.json", b"")) for n in range(2)}, "is in another artifact, too"),
        ({f"{PREFIX}-{n}": b"" for n in range(201)}, "more than 200 artifacts"),
        ({f"{PREFIX}-a\n::error::": b"x"}, r"the artifact 'mlops-ci-results-a\\n::error::': it is no sound zip"),
    ],
)
def test_odd_artifacts_are_refused(zips: dict[str, bytes], said: str) -> None:
    with pytest.raises(ArchiveRefused, match=said):
        fetch(RUN, runs=Handed(zips), limits=Limits())


def test_what_has_expired_is_refused() -> None:
    with pytest.raises(ArchiveRefused, match="has expired; run the workflow again"):
        fetch(RUN, runs=Handed({PREFIX: b""}, lambda item: replace(item, expired=True)), limits=Limits())
