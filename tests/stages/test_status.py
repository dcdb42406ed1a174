"""Git, registry and target against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlops_ci.errors import BackendError, StaleError
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving
from mlops_ci.records.status import Standing
from mlops_ci.stages.status import Word, ask, stand
from tests.stages.releasing import release

ONE, TWO = release(1), release(2)


def serves(found: Release, **changed: object) -> Serving:
    made = Serving(release=found, url="http://127.0.0.1:1", answering=True, since="2026-03-01T12:00:00Z")
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "serving", "alias", "problem", "mend"),
    [
        (ONE, serves(ONE), ONE.model_digest, "", ""),
        (None, None, "", "", ""),
        (None, serves(ONE), ONE.model_digest, "git wants nothing here", "mlops-ci merge"),
        (ONE, None, "", "and nothing does", "mlops-ci merge"),
        (TWO, serves(ONE), ONE.model_digest, "version 2 should serve, and version 1 does", "mlops-ci merge"),
        (replace(ONE, image="a"), serves(ONE), ONE.model_digest, "not with the image and settings", "mlops-ci merge"),
        (ONE, serves(ONE, altered="it was changed by hand"), ONE.model_digest, "changed by hand", "mlops-ci merge"),
        (ONE, serves(ONE, answering=False), ONE.model_digest, "does not answer", "mlops-ci merge"),
        (ONE, serves(ONE), TWO.model_digest, "alias names another version", "mlops-ci merge"),
    ],
)
def test_what_disagrees_is_told_with_the_command_that_mends_it(
    wanted: Release | None, serving: Serving | None, alias: str, problem: str, mend: str
) -> None:
    found = stood(Word(value=wanted), Word(value=alias), Word(value=serving))
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)
    assert found.mend == mend
    assert found.unknown == {}


DOWN: Word[Any] = Word(unknown="no answer")
EDITED: Word[Any] = Word(unknown="releases/toy/production.yaml:14: it was changed by hand")


@pytest.mark.parametrize(
    ("wanted", "alias", "serving", "unknown", "problem", "mend"),
    [
        (EDITED, ONE, ONE, ["git"], "whether they agree is not known", ""),
        (EDITED, TWO, ONE, ["git"], "alias names another version", ""),
        (EDITED, None, None, ["git"], "whether they agree is not known", ""),
        (ONE, DOWN, ONE, ["registry"], "whether they agree is not known", ""),
        (TWO, DOWN, ONE, ["registry"], "version 2 should serve, and version 1 does", "mlops-ci merge"),
        (ONE, ONE, DOWN, ["target"], "whether they agree is not known", ""),
        (TWO, ONE, DOWN, ["target"], "alias names another version", ""),
        (DOWN, ONE, DOWN, ["git", "target"], "whether they agree is not known", ""),
    ],
)
def test_what_one_cannot_tell_takes_nothing_from_the_others(
    wanted: Any, alias: Any, serving: Any, unknown: list[str], problem: str, mend: str
) -> None:
    served = serving if isinstance(serving, Word) else Word(value=serves(serving) if serving else None)
    named = alias if isinstance(alias, Word) else Word(value=alias.model_digest if alias else "")
    found = stood(wanted if isinstance(wanted, Word) else Word(value=wanted), named, served)
    assert (found.wanted, found.alias, found.serving) == (
        None if isinstance(wanted, Word) else wanted,
        None if isinstance(alias, Word) else named.value,
        None if isinstance(serving, Word) else served.value,
    )
    assert sorted(found.unknown) == unknown
    assert problem in found.problem
    assert found.mend == mend


def test_what_was_taken_back_at_once_is_mended_by_the_rollbacks_request_and_not_by_a_merge() -> None:
    found = stood(Word(value=TWO), Word(value=ONE.model_digest), Word(value=serves(ONE, refused=TWO.model_digest)))
    assert found.problem == "version 2 was taken back here, and git still wants it"
    assert found.mend == "mlops-ci forge merge 1, so that git wants version 1"


def test_a_hint_that_is_a_command_is_what_mends_it() -> None:
    def untrained() -> str:
        raise StaleError("nothing was trained", hint="mlops-ci pull-request --model toy")

    def down() -> str:
        raise BackendError("no answer", hint="is it running?")

    assert ask(untrained) == Word(unknown="nothing was trained", mend="mlops-ci pull-request --model toy")
    assert ask(down) == Word(unknown="no answer (is it running?)")
    assert stood(ask(untrained), Word(value=""), Word(value=None)).mend == "mlops-ci pull-request --model toy"


def stood(wanted: Word[Any], alias: Word[Any], serving: Word[Any]) -> Standing:
    def undo(release: Release) -> str:
        return f"mlops-ci forge merge 1, so that git wants version {release.version}"

    return stand("toy", "production", wanted=wanted, alias=alias, serving=serving, undo=undo)
