"""One repository's API on github3.py: its session and its paging; answers as plain JSON.

github3.py's own models are not used. They demand every key of an answer, raise where one is missing *after* a write
succeeded, and fail on `"user": null`, which is what a deleted account leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast
from urllib.parse import quote

from github3 import exceptions
from github3.models import GitHubCore
from requests import Response

from mlops_ci.backends.github import auth, patience
from mlops_ci.backends.github.problems import GitHubError, Unsure, hidden, no_json, refused
from mlops_ci.backends.github.session import Session
from mlops_ci.io import clock
from mlops_ci.records.github import Access, AppKey

Found = TypeVar("Found")
LOOKS = 3  # after a write that may have happened; lists may lag behind
WHO = "query($owner: String!, $name: String!) { viewer { login } repository(owner: $owner, name: $name) { id } }"


class Api(GitHubCore):  # type: ignore[misc]
    """`path` of every method is below the repository's own: `pulls/7`; one that begins with `/` is below the API's.

    A status of 300 and above raises GitHubError. In a `hurry` nothing is tried again.
    """

    def __init__(self, access: Access, *, hurry: bool = False) -> None:
        self.access = access
        session = Session(access.api_url, secrets=lambda: session.auth.secrets, hurry=hurry)
        key = access.key
        session.auth = auth.AppToken(key, lambda jwt: self._issue(key, jwt)) if key else auth.Token(access.token)
        super().__init__({}, session)

    def get(self, path: str, **query: str) -> Any:
        """An answer's JSON."""
        return self._read(self.session.get(self._at(path), params=query or None))

    def find(self, path: str, **query: str) -> Any | None:
        """The same, None for what is not there."""
        response = self.session.get(self._at(path), params=query or None)
        return None if response.status_code == 404 else self._read(response)

    def answer(self, path: str) -> tuple[Any, Mapping[str, str]]:
        """An answer's JSON, and its headers."""
        response = self.session.get(self._at(path))
        return self._read(response), response.headers

    def as_app(self, path: str, key: AppKey) -> Any:
        """An answer to the App itself, not to one of its installations."""
        return self._read(self.session.get(self._at(path), auth=auth.Token(auth.signed(key))))

    def pages(self, path: str, *, key: str | None = None, **query: str) -> list[Any]:
        """A whole list, all pages of it; `key` is where it lies in an answer that is no list."""
        try:
            return list(self._iter(-1, self._at(path), dict, query, list_key=key))
        except exceptions.UnexpectedResponse as error:
            raise no_json(error.response) from None
        except exceptions.GitHubError as error:
            raise refused(error.response, self.session.auth.secrets) from None

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """A POST that may be repeated: done twice it is as done once."""
        return self._read(self.session.request("POST", self._at(path), json=body, repeat=True))

    def make(self, path: str, body: Mapping[str, Any], *, made: Callable[[], Found | None]) -> Found | Any:
        """A POST that makes one thing. Where nobody knows whether it did, `made` looks, before it is repeated."""
        for attempt in range(LOOKS):
            try:
                return self._read(self.session.request("POST", self._at(path), json=body, repeat=False))
            except Unsure as unsure:
                for look in range(LOOKS):
                    clock.sleep(patience.backoff(look))
                    if (found := made()) is not None:
                        return found
                if attempt == LOOKS - 1:
                    raise unsure.cause from None
        raise AssertionError("the last attempt returns or raises")

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._read(self.session.request("PATCH", self._at(path), json=body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """A PUT that is not repeated by itself: raises Unsure where nobody knows whether it was done."""
        return self._read(self.session.request("PUT", self._at(path), json=body, repeat=False))

    def delete(self, path: str) -> None:
        """What is gone already is deleted."""
        response = self.session.request("DELETE", self._at(path))
        if response.status_code != 404:
            self._read(response)

    def graphql(self, query: str, **variables: Any) -> Any:
        """GraphQL's `data`, for the few things that REST can't do. Done twice it must be as done once.

        Raises GitHubError with the first error it names.
        """
        body = {"query": query, "variables": variables}
        answer = self._read(self.session.request("POST", self.access.graphql_url, json=body, repeat=True))
        if errors := answer.get("errors"):
            said = hidden(str(errors[0].get("message", "no reason given")), self.session.auth.secrets)
            raise GitHubError(f"GitHub's GraphQL API refused: {said[:300]}", status=422)
        return answer["data"]

    def mutate(self, query: str, **variables: Any) -> Mapping[str, Any]:
        """GraphQL's `data` of several writes, asked for once; one that was refused is null in it.

        Raises Unsure where nobody knows whether they were done.
        """
        body = {"query": query, "variables": variables}
        answer = self._read(self.session.request("POST", self.access.graphql_url, json=body, repeat=False))
        return answer.get("data") or {}

    @cached_property
    def _who(self) -> tuple[str, str]:
        found = self.graphql(WHO, owner=self.access.owner, name=self.access.name)
        return found["viewer"]["login"], found["repository"]["id"]

    @property
    def login(self) -> str:
        """Whose the token is: a person, `github-actions[bot]`, or an App's `name[bot]`."""
        return self._who[0]

    @property
    def node(self) -> str:
        """The repository's id in GraphQL."""
        return self._who[1]

    def _issue(self, key: AppKey, jwt: auth.Token) -> auth.Issued:
        """A token for this repository alone."""
        number = key.installation
        if not number:
            number = self._read(self.session.get(self._at("installation"), auth=jwt))["id"]
        url = self._at(f"/app/installations/{number}/access_tokens")
        body = {"repositories": [self.access.name]}
        return auth.issued(self._read(self.session.request("POST", url, json=body, auth=jwt, repeat=True)))

    def _at(self, path: str) -> str:
        if path.startswith("/"):
            return f"{self.access.api_url}{path}"
        return f"{self.access.api_url}/repos/{self.access.repository}/{path}".rstrip("/")

    def _read(self, response: Response) -> Any:
        if response.status_code >= 300:
            raise refused(response, self.session.auth.secrets)
        try:
            return cast(Any, response.json()) if response.content else None
        except ValueError:
            raise no_json(response) from None


def word(text: str) -> str:
    """A name as one word of a path."""
    return quote(text, safe="")
