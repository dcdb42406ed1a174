"""A GitHub App's token is asked for, kept and renewed; the others are used as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mlops_ci.backends.github.forge import GitHubForge
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.records.forge import stamp
from mlops_ci.records.github import AppKey, TokenKind
from tests.backends.forge_contract import opened
from tests.backends.github_place import GitHubPlace, StillClock, github, place, still
from tests.github.hub import App

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="session")
def keys() -> tuple[str, str]:
    """A private key and its public half, as PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = made.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def app(place: GitHubPlace, keys: tuple[str, str]) -> GitHubForge:
    """A forge by the right of an App."""
    place.hub.apps[42] = App(id=42, slug="ml-bot", public_key=keys[1])
    return with_key(place, AppKey(app="42", private_key=keys[0]))


def with_key(place: GitHubPlace, key: AppKey) -> GitHubForge:
    return GitHubForge(replace(place.access, kind=TokenKind.APP, token="", key=key))


def asked(place: GitHubPlace) -> int:
    """How often a token was asked for."""
    return sum(path.endswith("/access_tokens") for _, path, _ in place.hub.faults.log)


def test_an_app_writes_under_its_own_name(place: GitHubPlace, app: GitHubForge) -> None:
    number = opened(app).number
    app.comment(number, "mine", marker="one")
    place.forge.comment(number, "the workflow's", marker="one")
    app.comment(number, "newer", marker="one")
    assert app.pull(number).author == "ml-bot[bot]"
    assert [(item.author, item.own) for item in app.comments(number)] == [
        ("ml-bot[bot]", True),
        ("github-actions[bot]", False),
    ]
    assert [item.body for item in place.forge.comments(number)] == [
        f"{stamp('one')}\nnewer",
        f"{stamp('one')}\nthe workflow's",
    ]


def test_its_token_is_asked_for_once_and_renewed_before_it_runs_out(
    place: GitHubPlace, app: GitHubForge, still: StillClock
) -> None:
    for _ in range(3):
        app.tip("main")
    assert asked(place) == 1
    still.moment += timedelta(minutes=54)
    app.tip("main")
    assert asked(place) == 1
    still.moment += timedelta(minutes=2)
    app.tip("main")
    assert asked(place) == 2
    assert {status for _, _, status in place.hub.faults.log} <= {200, 201}


def test_asking_for_a_token_is_patient_too(place: GitHubPlace, app: GitHubForge, still: StillClock) -> None:
    place.hub.faults.add(path="/installation", status=502)
    place.hub.faults.add(path="/access_tokens", drop=True)
    place.hub.faults.add(path="/access_tokens", status=403, headers={"Retry-After": "7"})
    assert app.tip("main")
    assert still.waits == [1.0, 1.0, 7.0]


def test_a_key_of_another_app(place: GitHubPlace, app: GitHubForge) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = other.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    with pytest.raises(BackendError, match="could not be decoded") as caught:
        with_key(place, AppKey(app="42", private_key=private)).tip("main")
    assert private.splitlines()[3] not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("key", ["nothing", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told_without_showing_it(place: GitHubPlace, key: str) -> None:
    with pytest.raises(UsageError, match="private key can't be used") as caught:
        with_key(place, AppKey(app="42", private_key=key)).tip("main")
    assert "AAAA" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert place.hub.faults.log == []


def test_a_person_owns_what_they_wrote(place: GitHubPlace) -> None:
    place.hub.token("ghp_annstoken", "ann")
    ann = GitHubForge(replace(place.access, kind=TokenKind.PERSONAL, token="ghp_annstoken"))
    number = opened(place.forge, reviewers=()).number
    ann.comment(number, "by ann", marker="one")
    (found,) = ann.comments(number)
    assert (found.author, found.own, found.bot) == ("ann", True, False)
    assert [item.own for item in place.forge.comments(number)] == [False]


@pytest.fixture
def enterprise(tmp_path: Path, still: StillClock) -> Iterator[GitHubPlace]:
    with github(tmp_path, base="/api/v3") as made:
        yield made


def test_github_enterprise_has_a_base_path(enterprise: GitHubPlace) -> None:
    pull = opened(enterprise.forge)
    assert enterprise.forge.update(pull.number, draft=True).draft
    assert {path.split("/")[1] for _, path, _ in enterprise.hub.faults.log} == {"api"}
    assert enterprise.access.graphql_url.endswith("/api/graphql")
