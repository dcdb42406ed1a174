"""Deployments and their statuses: a success makes the environment's earlier ones inactive, if it is no production."""

from __future__ import annotations

from typing import Any

from tests.github.hub import Hub
from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route

ALL = "/repos/{owner}/{repo}/deployments"
STATUSES = f"{ALL}/{{deployment_id}}/statuses"


@route("GET", ALL)
def deployments(call: Call) -> Answer:
    asked = {name: call.query[name] for name in ("sha", "ref", "task", "environment") if name in call.query}
    found = [
        item for item in reversed(call.repo.deployments) if all(item[name] == value for name, value in asked.items())
    ]
    return Answer([_deployment(call.hub, item) for item in found])


@route("POST", ALL)
def new_deployment(call: Call) -> Answer:
    body = call.body
    sha = call.repo.bare.resolve(body["ref"])
    if not sha:
        raise Refused(422, f"No ref found for: {body['ref']}")
    if body.get("auto_merge", True) or body.get("required_contexts") is None:
        raise Refused(409, "Conflict: Commit status checks failed for this ref.")
    made = {
        "id": call.hub.fresh(),
        "sha": sha,
        "ref": body["ref"],
        "task": body.get("task", "deploy"),
        "environment": body.get("environment", "production"),
        "payload": body.get("payload", {}),
        "production": body.get("production_environment", body.get("environment", "production") == "production"),
        "description": body.get("description"),
        "login": call.me.login,
        "at": call.hub.now(),
    }
    call.repo.deployments.append(made)
    return Answer(_deployment(call.hub, made), 201)


@route("GET", STATUSES)
def statuses(call: Call) -> Answer:
    return Answer([_status(call.hub, item) for item in reversed(_kept(call))])


@route("POST", STATUSES)
def new_status(call: Call) -> Answer:
    made = {**call.body, "id": call.hub.fresh(), "login": call.me.login, "at": call.hub.now()}
    _kept(call).append(made)
    if made["state"] == "success" and call.body.get("auto_inactive", True):
        _retire(call, int(call.params["deployment_id"]))
    return Answer(_status(call.hub, made), 201)


def _kept(call: Call) -> list[dict[str, Any]]:
    number = int(call.params["deployment_id"])
    if all(item["id"] != number for item in call.repo.deployments):
        raise Refused(404, "Not Found")
    return call.repo.environments.setdefault(number, [])


def _retire(call: Call, number: int) -> None:
    place = next(item["environment"] for item in call.repo.deployments if item["id"] == number)
    for item in call.repo.deployments:
        kept = call.repo.environments.get(item["id"], [])
        old = item["environment"] == place and item["id"] != number and not item["production"]
        if old and kept and kept[-1]["state"] == "success":
            kept.append({"state": "inactive", "id": call.hub.fresh(), "login": call.me.login, "at": call.hub.now()})


def _deployment(hub: Hub, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "sha": item["sha"],
        "ref": item["ref"],
        "task": item["task"],
        "payload": item["payload"],
        "environment": item["environment"],
        "description": item["description"],
        "creator": views.user(hub.account(item["login"])),
        "created_at": item["at"],
        "updated_at": item["at"],
    }


def _status(hub: Hub, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "state": item["state"],
        "description": item.get("description", ""),
        "environment": item.get("environment", ""),
        "environment_url": item.get("environment_url", ""),
        "log_url": item.get("log_url", ""),
        "target_url": item.get("target_url", item.get("log_url", "")),
        "creator": views.user(hub.account(item["login"])),
        "created_at": item["at"],
        "updated_at": item["at"],
    }
