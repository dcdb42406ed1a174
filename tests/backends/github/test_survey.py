"""How a repository at GitHub is set up, as each kind of token sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mlops_ci.backends.github.survey import Survey
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.records.doctor import RuleFacts, ScheduleFacts
from mlops_ci.records.github import AppKey, TokenKind
from mlops_ci.stages.doctor.access import moment
from tests.backends.github_place import GitHubPlace, StillClock, place, still
from tests.github.hub import App, Workflow

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
PERSONAL = "ghp_0123456789"
DRIFT = ".github/workflows/drift.yml"


@pytest.fixture(autouse=True)
def _warm(place: GitHubPlace) -> None:
    """The first answer of a process takes the server here seconds, which a survey does not wait."""
    place.forge.api.get("")
    place.hub.faults.log.clear()


@pytest.fixture
def personal(place: GitHubPlace) -> Callable[..., Survey]:
    """A survey by a person's token."""

    def make(login: str = "human", **token: object) -> Survey:
        place.hub.token(PERSONAL, login, **token)  # type: ignore[arg-type]
        return Survey.of(replace(place.access, kind=TokenKind.PERSONAL, source="GH_TOKEN", token=PERSONAL))

    return make


def test_the_workflow_s_own_token_tells_little(place: GitHubPlace) -> None:
    found = Survey.of(place.access).access()
    assert (found.repository, found.kind, found.default_branch) == ("acme/models", TokenKind.WORKFLOW, "main")
    assert (found.scopes, found.granted, found.role, found.may_open, found.login) == (None, None, None, None, "")


def test_a_classic_token_tells_its_scopes_and_its_end(
    place: GitHubPlace, personal: Callable[..., Survey], still: StillClock
) -> None:
    place.repo.setting.private, place.repo.setting.may_open = True, True
    found = personal(scopes=("repo", "read:org"), lives=timedelta(days=3)).access()
    assert (found.login, found.private, found.scopes, found.may_open) == ("human", True, ("repo", "read:org"), True)
    assert found.role == {"admin": True, "push": True, "pull": True}
    assert moment(found.expires) == still.moment + timedelta(days=3)


def test_a_token_with_no_scope_at_all_is_not_one_that_tells_none(personal: Callable[..., Survey]) -> None:
    assert personal(scopes=()).access().scopes == ()
    found = personal(login="eve").access()
    assert (found.scopes, found.may_open) == (None, None)
    assert found.role is not None
    assert not found.role["push"]


def test_an_app_is_asked_for_its_permissions(place: GitHubPlace) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain).decode()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    granted = {"contents": "write", "checks": "read"}
    place.hub.apps[42] = App(id=42, slug="ml-bot", public_key=public, permissions=granted)
    key_of_app = AppKey(app="42", private_key=private)
    survey = Survey.of(replace(place.access, kind=TokenKind.APP, token="", key=key_of_app))
    assert survey.access().granted == granted
    assert private not in repr(survey.access())


def test_a_token_that_is_refused_is_the_user_s_to_mend(place: GitHubPlace) -> None:
    with pytest.raises(UsageError, match="does not take the token in GITHUB_TOKEN"):
        Survey.of(replace(place.access, token="ghs_revoked")).access()
    with pytest.raises(UsageError, match="does not see acme/other"):
        Survey.of(replace(place.access, repository="acme/other")).access()


def test_nothing_is_tried_again(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(status=503, times=5)
    with pytest.raises(BackendError, match="503"):
        Survey.of(place.access).access()
    assert still.waits == []
    assert len(place.hub.faults.log) == 1


def test_rulesets_and_branch_protection_are_one(place: GitHubPlace) -> None:
    survey = Survey.of(place.access)
    assert survey.rules("main") == RuleFacts(branch="main", protected=False, pull_request=False)
    place.repo.setting.protected = ["Models are judged", "lint"]
    found = RuleFacts(branch="main", protected=True, checks=("Models are judged", "lint"), pull_request=None)
    assert survey.rules("main") == found
    place.repo.setting.checks, place.repo.setting.pull_request = ["lint", "unit"], True
    assert survey.rules("main") == replace(found, checks=("lint", "unit", "Models are judged"), pull_request=True)
    assert survey.rules("no/such").checks == ("lint", "unit")


def test_the_newest_scheduled_run_counts(place: GitHubPlace, still: StillClock) -> None:
    survey = Survey.of(place.access)
    assert survey.schedules([DRIFT]) == (ScheduleFacts(path=DRIFT, state=""),)
    flow = Workflow(id=7, path=DRIFT, state="disabled_inactivity")
    place.repo.workflows.append(flow)
    assert survey.schedules([DRIFT]) == (ScheduleFacts(path=DRIFT, state="disabled_inactivity"),)
    flow.state, flow.scheduled = "active", [("2026-03-01T04:23:00Z", "failure"), ("2026-02-28T04:23:00Z", "success")]
    (found,) = survey.schedules([DRIFT]) or ()
    assert (found.conclusion, found.url) == ("failure", "https://github.com/acme/models/actions/runs/7")
    assert found.last is not None
    assert still.moment - found.last == timedelta(hours=7, minutes=37)


def test_runs_that_may_not_be_read_are_not_there(place: GitHubPlace) -> None:
    place.hub.faults.add(status=403, message="Resource not accessible by integration")
    assert Survey.of(place.access).schedules([DRIFT]) is None
