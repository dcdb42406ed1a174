"""Patience with GitHub, and a token that stays where it belongs."""

from __future__ import annotations

import logging
import traceback

import pytest
from requests import Request

from mlops_ci.backends.github.problems import hidden
from mlops_ci.backends.github.session import PATIENCE
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.records.forge import PullState
from tests.backends.forge_contract import BRANCH, a_push, opened
from tests.backends.github_place import TOKEN, GitHubPlace, StillClock, place, still

__all__ = ["place", "still"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_is_repeated_with_growing_waits(place: GitHubPlace, still: StillClock, status: int) -> None:
    place.hub.faults.add(method="GET", status=status, times=3)
    assert place.forge.tip("main")
    assert still.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_connection_is_tried_again(place: GitHubPlace, still: StillClock, after: bool) -> None:
    place.hub.faults.add(method="GET", drop=True, after=after, times=2)
    assert place.forge.tip("main")
    assert still.waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418, 422, 500, 501])
def test_nothing_else_is_repeated(place: GitHubPlace, still: StillClock, status: int) -> None:
    place.hub.faults.add(method="GET", path="reviews", status=status, message="No")
    with pytest.raises(BackendError, match=f"GitHub answered {status} to GET .*/pulls/1/reviews: No"):
        place.forge.approvals(1)
    assert (len(place.hub.faults.log), still.waits) == (1, [])


def test_patience_ends(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(method="GET", status=503, times=99)
    with pytest.raises(BackendError, match="GitHub answered 503") as caught:
        place.forge.tip("main")
    assert "githubstatus" in caught.value.hint
    assert sum(still.waits) <= PATIENCE
    assert len(place.hub.faults.log) == 7


def test_a_secondary_limit_says_how_long(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(status=403, headers={"Retry-After": "17"}, message="You have exceeded a secondary rate limit")
    place.hub.faults.add(status=429, headers={"Retry-After": "5"}, message="Too many")
    assert place.forge.tip("main")
    assert still.waits == [17.0, 5.0]


def test_a_secondary_limit_that_does_not_say_waits_longer_each_time(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(status=403, message="You have exceeded a secondary rate limit.", times=2)
    assert place.forge.tip("main")
    assert still.waits == [60.0, 120.0]


def test_a_limit_holds_for_writes_too_because_nothing_was_done(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(method="POST", path="/pulls", status=403, headers={"Retry-After": "9"}, message="secondary")
    assert opened(place.forge).number == 1
    assert still.waits == [9.0]


def test_the_primary_limit_waits_for_its_reset(place: GitHubPlace, still: StillClock) -> None:
    limits = place.server.limits
    limits.left, limits.reset = 0, still.now().replace(minute=2)
    assert place.forge.tip("main")
    assert sum(still.waits) == pytest.approx(121, abs=1)


def test_a_reset_that_is_too_far_away_is_told(place: GitHubPlace, still: StillClock) -> None:
    limits = place.server.limits
    limits.left, limits.reset = 0, still.now().replace(minute=50)
    with pytest.raises(BackendError, match=r"rate limit is used up until 12:50:01 UTC"):
        place.forge.tip("main")
    assert still.waits == []


def test_graphql_tells_of_its_limit_with_200(place: GitHubPlace, still: StillClock) -> None:
    reset = str(int(still.now().timestamp()) + 40)
    used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    body = b'{"errors": [{"type":"RATE_LIMITED", "message": "API rate limit exceeded"}]}'
    place.hub.faults.add(path="/graphql", status=200, body=body, headers=used_up)
    assert place.forge.api.login == "github-actions[bot]"
    assert still.waits == [pytest.approx(41, abs=1)]


def test_what_can_never_work_is_not_tried_again(place: GitHubPlace, still: StillClock) -> None:
    place.forge.api.session.headers["X-Odd"] = "a\nb"
    with pytest.raises(BackendError, match="InvalidHeader"):
        place.forge.tip("main")
    assert still.waits == []


def test_a_403_that_is_no_limit_names_what_the_token_lacks(place: GitHubPlace, still: StillClock) -> None:
    needed = {"X-Accepted-GitHub-Permissions": "pull_requests=write"}
    place.hub.faults.add(method="PATCH", status=403, headers=needed, message="Resource not accessible by integration")
    number = opened(place.forge).number
    with pytest.raises(BackendError, match="Resource not accessible") as caught:
        place.forge.update(number, title="Other")
    assert caught.value.hint == "the token needs the permission pull_requests=write"
    assert still.waits == []


def test_every_page_of_a_list_is_read(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    for count in range(230):
        place.comment(number, f"number {count}")
    found = place.forge.comments(number)
    assert [item.body for item in found] == [f"number {count}" for count in range(230)]
    pages = [path for method, path, _ in place.hub.faults.log if path.endswith("/comments")]
    assert len(pages) == 3


def test_the_token_goes_to_the_api_only(place: GitHubPlace) -> None:
    session = place.forge.api.session
    with pytest.raises(BackendError, match=r"sent us to attacker\.example.com"):
        session.get("https://attacker.example.com/steal")
    with pytest.raises(BackendError, match="its token must not go"):
        session.send(session.prepare_request(Request("GET", "http://127.0.0.1:1/other-port")))
    place.hub.faults.add(method="GET", status=302, headers={"location": "https://attacker.example.com/"})
    with pytest.raises(BackendError, match=r"attacker\.example.com"):
        place.forge.tip("main")
    elsewhere = {"link": '<https://e.example/>; rel="next"'}
    place.hub.faults.add(method="GET", path="comments", status=200, message="", headers=elsewhere)
    with pytest.raises(BackendError, match=r"e\.example"):
        place.forge.api.pages("issues/1/comments", key="message")


def test_a_repository_that_was_renamed_is_read_and_not_written(place: GitHubPlace) -> None:
    there = {"location": f"{place.server.api_url}/repos/acme/models/git/ref/heads/main"}
    place.hub.faults.add(method="GET", path="/git/ref/", status=301, headers=there)
    assert place.forge.tip("main")
    number = opened(place.forge).number
    place.hub.faults.add(method="PATCH", status=307, headers={"location": f"{place.server.api_url}/repositories/1"})
    with pytest.raises(BackendError, match="GitHub answered 307") as caught:
        place.forge.update(number, title="Other")
    assert "renamed" in caught.value.hint


def failing_calls(place: GitHubPlace) -> list[str]:
    """What every kind of failure shows: the message, the hint, and the traceback with all its causes."""
    faults = place.hub.faults
    shown = []
    faulty: tuple[dict[str, object], ...] = (
        {"status": 401, "message": f"Bad credentials: {TOKEN}"},
        {"status": 403, "message": f"Authorization: Bearer {TOKEN}"},
        {"status": 422, "message": "ghp_otherperson0123456789 is no token of this server"},
        {"status": 503, "message": TOKEN, "times": 99},
        {"drop": True, "times": 99},
        {"status": 302, "headers": {"location": f"https://user:{TOKEN}@attacker.example.com/"}},
    )
    for fault in faulty:
        faults.on.clear()
        faults.add(method="GET", **fault)
        try:
            place.forge.tip("main")
        except BackendError as error:
            shown.append(f"{error}\n{error.hint}\n{error!r}\n{traceback.format_exc()}")
    faults.on.clear()
    return shown


def test_no_token_is_ever_shown(place: GitHubPlace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = failing_calls(place)
    place.forge.push(a_push(place.forge))
    shown += [caplog.text, repr(place.forge), repr(place.access), repr(place.forge.api.session.auth)]
    assert len(shown) == 10
    for text in shown:
        assert TOKEN not in text
        assert "ghp_otherperson" not in text


def test_what_looks_like_a_secret_is_hidden() -> None:
    text = "github_pat_11ABC_x ghs_abc eyJhbGciOi.eyJpc3Mi.c2ln https://me:pass@proxy:3128/ fine"
    assert hidden(text, ("fine",)) == "*** *** *** https://***@proxy:3128/ ***"


def test_nobody_answers(place: GitHubPlace, still: StillClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://someone:proxypassword@127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://someone:proxypassword@127.0.0.1:9")
    with pytest.raises(BackendError, match=r"no answer from 127\.0\.0\.1:\d+ to GET: ProxyError") as caught:
        place.forge.tip("main")
    assert "HTTPS_PROXY" in caught.value.hint
    assert "proxypassword" not in "".join(traceback.format_exception(caught.value))
    assert len(still.waits) == 6


def test_a_login_page_is_no_answer(place: GitHubPlace) -> None:
    for path, call in (
        ("/git/ref/", lambda: place.forge.tip("main")),
        ("/pulls", lambda: place.forge.pulls(branch=BRANCH)),
    ):
        place.hub.faults.add(path=path, status=200, body=b"<html>Please log in</html>")
        with pytest.raises(BackendError, match=r"the answer from 127\.0\.0\.1 is no JSON") as caught:
            call()
        assert "proxy" in caught.value.hint


def test_names_from_outside_stay_one_word_of_a_path(place: GitHubPlace) -> None:
    for name in ("a/b c", "per%2Fcent", "q?x=1#y", "ünï"):
        branch = name.replace(" ", "-").replace("?", "!")
        made = place.commit(branch, {"odd ?#%2F.txt": name})
        assert place.forge.tip(branch) == made
        assert place.forge.read("odd ?#%2F.txt", at=made) == name.encode()
        assert place.forge.contains(branch, made)
        assert place.forge.pulls(branch=branch, state=PullState.OPEN) == ()
    number = opened(place.forge).number
    place.forge.label(number, add=["a/b?c #1"])
    place.forge.label(number, remove=["a/b?c #1"])
    assert place.forge.pull(number).labels == ("mlops-ci",)


def test_a_number_of_nothing(place: GitHubPlace) -> None:
    with pytest.raises(UsageError, match="no pull request 9 in acme/models"):
        place.forge.comment(9, "x", marker="one")
    assert place.forge.tip(BRANCH) == ""
