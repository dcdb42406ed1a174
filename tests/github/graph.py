"""The few things that only GraphQL can do: who am I, drafts, and branches moved from a known commit.

Queries and answers are checked by graphql-core against GitHub's own schema, of which only what is served is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.github.bare import GitRefused
from tests.github.description import folder
from tests.github.hub import Hub, Pull, Repo, Token
from tests.github.routes import checks
from tests.github.routes.views import ZERO

KEPT = {
    "Query": {"viewer", "repository"},
    "User": {"login"},
    "Repository": {"id"},
    "PullRequest": {"isDraft"},
    "CheckRun": {"url"},
    "Mutation": {"convertPullRequestToDraft", "createCheckRun", "markPullRequestReadyForReview", "updateRefs"},
}


@cache
def schema() -> Any:
    """GitHub's schema without the fields and types that nothing here asks for; reduced once, as the description is."""
    from graphql import build_schema

    place = folder()
    assert place is not None
    name = hashlib.sha256(json.dumps({key: sorted(value) for key, value in KEPT.items()}).encode()).hexdigest()[:16]
    reduced = place / f"reduced-{name}.graphql"
    if not reduced.is_file():
        beside = reduced.with_suffix(f".{os.getpid()}")
        beside.write_text(reduce((place / "schema.graphql").read_text("utf-8")), "utf-8")
        beside.replace(reduced)
    return build_schema(reduced.read_text("utf-8"))


def reduce(text: str) -> str:
    """The schema's types that can be reached through what is served."""
    from graphql import Source, parse, print_ast
    from graphql.language import ast

    document = parse(Source(text), no_location=True)
    types = {item.name.value: item for item in document.definitions if hasattr(item, "name")}
    wanted, kept = ["Query", "Mutation"], {}
    while wanted:
        name = wanted.pop()
        node = types.get(name)
        if node is None or name in kept:
            continue
        if isinstance(node, ast.ObjectTypeDefinitionNode):
            node.interfaces = ()
            node.fields = tuple(item for item in node.fields if item.name.value in KEPT.get(name, {item.name.value}))
        node.directives = ()
        kept[name] = node
        for item in getattr(node, "fields", ()):
            item.directives = ()
            wanted += [_named(item.type), *(_named(argument.type) for argument in getattr(item, "arguments", ()))]
    return print_ast(ast.DocumentNode(definitions=tuple(kept.values())))


def _named(node: Any) -> str:
    while not hasattr(node, "name"):
        node = node.type
    return str(node.name.value)


@dataclass(frozen=True)
class Root:
    """What is asked for at the top; one method a field."""

    hub: Hub
    token: Token

    def viewer(self, info: object) -> Mapping[str, str]:
        return {"login": self.token.login}

    def repository(self, info: object, owner: str, name: str, **_: object) -> Mapping[str, str]:
        return {"id": self.hub.repos[f"{owner}/{name}"].node}

    def convertPullRequestToDraft(self, info: object, input: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._draft(input["pullRequestId"], True)

    def markPullRequestReadyForReview(self, info: object, input: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._draft(input["pullRequestId"], False)

    def _draft(self, node: str, draft: bool) -> Mapping[str, Any]:
        pull = self._pull(node)
        pull.draft = draft
        return {"pullRequest": {"isDraft": draft}}

    def _pull(self, node: str) -> Pull:
        return next(pull for repo in self.hub.repos.values() for pull in repo.pulls.values() if pull.node == node)

    def createCheckRun(self, info: object, input: Mapping[str, Any]) -> Mapping[str, Any]:
        repo = next(item for item in self.hub.repos.values() if item.node == input["repositoryId"])
        if repo.bare.kind(input["headSha"]) != "commit":  # REST's 422 for it is not in the description
            raise GitRefused(f"No commit found for SHA: {input['headSha']}")
        made = checks.new_run(self.hub, repo, self.token, _as_rest(input))
        return {"checkRun": {"url": made["html_url"]}}

    def updateRefs(self, info: object, input: Mapping[str, Any]) -> Mapping[str, Any]:
        repo = next(item for item in self.hub.repos.values() if item.node == input["repositoryId"])
        for update in input["refUpdates"]:
            _update(repo, update)
        return {"clientMutationId": None}


def _as_rest(input: Mapping[str, Any]) -> dict[str, Any]:
    """A check run's input as REST has it."""
    output = dict(input["output"])
    for item in output.get("annotations", []):
        location = item.pop("location")
        item.update(start_line=location["startLine"], end_line=location["endLine"])
        item["annotation_level"] = item.pop("annotationLevel").lower()
    made = {"name": input["name"], "head_sha": input["headSha"], "external_id": input.get("externalId")}
    made |= {"status": input["status"].lower(), "conclusion": input["conclusion"].lower()}
    return {**made, "details_url": input.get("detailsUrl"), "output": output}


def _update(repo: Repo, update: Mapping[str, Any]) -> None:
    branch = update["name"].removeprefix("refs/heads/")
    old, new = update.get("beforeOid"), update["afterOid"]
    now = repo.bare.tip(branch)
    if new != ZERO and now and not update.get("force") and not repo.bare.ancestor(now, new):
        raise GitRefused(f"Update is not a fast forward: {update['name']}")
    repo.bare.move(branch, new, old)


def changes(body: bytes) -> bool:
    """Whether a request's body is a mutation."""
    return bool(json.loads(body)["query"].lstrip().startswith("mutation"))


def run(hub: Hub, token: Token, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer one query."""
    from graphql import graphql_sync

    root = Root(hub, token)
    done = graphql_sync(schema(), body["query"], root, variable_values=body.get("variables"))
    answer: dict[str, Any] = {"data": done.data}
    if done.errors:
        answer["errors"] = [
            {"type": "UNPROCESSABLE", "message": item.message, "path": item.path} for item in done.errors
        ]
    return answer
