"""Check runs and commit statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.github.hub import Hub, Repo, Token
from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route

REPO = "/repos/{owner}/{repo}"
MOST_ANNOTATIONS = 50  # a request
LONGEST = 65_535


@route("POST", f"{REPO}/check-runs")
def new_check(call: Call) -> Answer:
    assert call.token is not None
    return Answer(new_run(call.hub, call.repo, call.token, call.body), 201)


def new_run(hub: Hub, repo: Repo, token: Token, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make a check run, and show it. Raises Refused, and nothing is made."""
    if token.kind == "pat":
        raise Refused(403, "You must authenticate via a GitHub App.")
    run = {"id": hub.fresh(), "started_at": hub.now(), "login": token.login, "annotations": []}
    shown = _check(hub, _written(hub, run, body))
    repo.checks.append(run)
    return shown


@route("PATCH", f"{REPO}/check-runs/{{check_run_id}}")
def changed_check(call: Call) -> Answer:
    run = next((item for item in call.repo.checks if item["id"] == int(call.params["check_run_id"])), None)
    if run is None:
        raise Refused(404, "Not Found")
    return Answer(_check(call.hub, _written(call.hub, run, call.body)))


def _written(hub: Hub, run: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(given)
    output = body.pop("output", None)
    if output is not None:
        annotations = output.get("annotations", [])
        if len(annotations) > MOST_ANNOTATIONS or any(
            len(output.get(key, "")) > LONGEST for key in ("summary", "text")
        ):
            raise Refused(422, "Invalid request.")
        run["annotations"] = [*run["annotations"], *annotations]
        run["output"] = output
    run.update(body)
    if run.get("conclusion"):
        run.update(status="completed", completed_at=run.get("completed_at") or hub.now())
    return run


@route("GET", f"{REPO}/commits/{{ref}}/check-runs")
def checks(call: Call) -> Answer:
    sha, name = call.repo.bare.resolve(call.params["ref"]), call.query.get("check_name", "")
    found = [run for run in reversed(call.repo.checks) if run["head_sha"] == sha and name in ("", run["name"])]
    if call.query.get("filter", "latest") == "latest":
        found = list({(run["login"], run["name"]): run for run in reversed(found)}.values())
    return Answer([_check(call.hub, run) for run in found], key="check_runs")


def _check(hub: Hub, run: dict[str, Any]) -> dict[str, Any]:
    output = run.get("output", {})
    slug = run["login"].removesuffix("[bot]")
    return {
        "id": run["id"],
        "name": run["name"],
        "head_sha": run["head_sha"],
        "external_id": run.get("external_id"),
        "status": run.get("status", "queued"),
        "conclusion": run.get("conclusion"),
        "started_at": run["started_at"],
        "completed_at": run.get("completed_at"),
        "details_url": run.get("details_url"),
        "html_url": f"https://github.com/x/runs/{run['id']}",
        "url": "https://api.github.com/x",
        "output": {
            "title": output.get("title"),
            "summary": output.get("summary"),
            "text": output.get("text"),
            "annotations_count": len(run["annotations"]),
            "annotations_url": "https://api.github.com/x",
        },
        "app": {"id": 1, "slug": slug, "name": slug, "permissions": {}, "events": []},
        "pull_requests": [],
    }


@route("POST", f"{REPO}/statuses/{{sha}}")
def new_status(call: Call) -> Answer:
    if call.repo.bare.kind(call.params["sha"]) != "commit":
        raise Refused(422, f"No commit found for SHA: {call.params['sha']}")
    made = {**call.body, "sha": call.params["sha"], "login": call.me.login, "id": call.hub.fresh()}
    call.repo.statuses.append(made)
    return Answer(_status(call.hub, made), 201)


@route("GET", f"{REPO}/commits/{{ref}}/statuses")
def statuses(call: Call) -> Answer:
    sha = call.repo.bare.resolve(call.params["ref"])
    return Answer([_status(call.hub, item) for item in reversed(call.repo.statuses) if item["sha"] == sha])


def _status(hub: Hub, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": status["id"],
        "state": status["state"],
        "context": status.get("context", "default"),
        "description": status.get("description"),
        "target_url": status.get("target_url"),
        "created_at": hub.now(),
        "updated_at": hub.now(),
        "creator": views.user(hub.account(status["login"])),
    }
