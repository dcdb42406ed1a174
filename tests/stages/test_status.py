"""Git, registry and target against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from mlops_ci.errors import BackendError
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.models import Release, Version
from mlops_ci.records.serving import Serving
from mlops_ci.stages.status import stand
from tests.stages.releasing import release

ONE, TWO = release(1), release(2)


class Aliases:
    """A registry whose alias names one digest, or that is down."""

    def __init__(self, digest: str | None) -> None:
        self.digest = digest

    def champion(self, model: str, environment: str) -> Version | None:
        if self.digest is None:
            raise BackendError("no answer")
        return Version(model=model, number="1", run_id="r", model_digest=self.digest, inputs_digest="")


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
        (ONE, serves(ONE), None, "the registry does not answer", ""),
    ],
)
def test_what_disagrees_is_told_with_the_command_that_mends_it(
    wanted: Release | None, serving: Serving | None, alias: str | None, problem: str, mend: str
) -> None:
    registry = cast(Registry, Aliases(alias))
    found = stand("toy", "production", wanted=wanted, reason="", registry=registry, serving=serving)
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)
    assert found.mend == mend
