"""How a repository is set up: the rules of its branches, its workflows, and what their token may do."""

from __future__ import annotations

from typing import Any

from tests.github.hub import Repo, Workflow
from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route

REPO = "/repos/{owner}/{repo}"
WRITERS = ("admin", "maintain", "write")


@route("GET", REPO)
def repository(call: Call) -> Answer:
    """With what the one who asks may do, and, for a personal token, its scopes and its end."""
    token = call.token
    assert token is not None
    held = call.repo.collaborators.get(token.login, "read")
    may = {"admin": held == "admin", "push": held in WRITERS, "pull": True}
    headers = {}
    if token.scopes is not None:
        headers["x-oauth-scopes"] = ", ".join(token.scopes)
    if token.kind == "pat" and token.expires is not None:
        headers["github-authentication-token-expiration"] = token.expires.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Answer({**views.repository(call.hub, call.repo), "permissions": may}, headers=headers)


@route("GET", f"{REPO}/rules/branches/{{branch}}")
def rules(call: Call) -> Answer:
    setting = call.repo.setting
    found: list[dict[str, Any]] = []
    if setting.checks:
        checks = [{"context": name} for name in setting.checks]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        found.append({"type": "required_status_checks", "parameters": parameters})
    if setting.pull_request:
        found.append({"type": "pull_request"})
    return Answer([{**rule, "ruleset_id": 1, "ruleset_source_type": "Repository"} for rule in found])


@route("GET", f"{REPO}/branches/{{branch}}")
def branch(call: Call) -> Answer:
    name, checks = call.params["branch"], call.repo.setting.protected
    tip = call.repo.bare.tip(name)
    if not tip:
        raise Refused(404, "Branch not found")
    contexts = {"contexts": checks or [], "checks": [{"context": one, "app_id": None} for one in checks or []]}
    return Answer(
        {
            "name": name,
            "commit": views.commit(call.repo.bare.commit(tip)),
            "protected": checks is not None,
            "protection": {"enabled": checks is not None, "required_status_checks": contexts},
        }
    )


@route("GET", f"{REPO}/actions/workflows")
def workflows(call: Call) -> Answer:
    listed = [
        {
            "id": one.id,
            "node_id": f"W_{one.id}",
            "name": one.path,
            "path": one.path,
            "state": one.state,
            "created_at": call.hub.now(),
            "updated_at": call.hub.now(),
        }
        for one in call.repo.workflows
    ]
    return Answer(listed, key="workflows")


@route("GET", f"{REPO}/actions/workflows/{{workflow_id}}/runs")
def runs(call: Call) -> Answer:
    found = next((one for one in call.repo.workflows if one.id == int(call.params["workflow_id"])), None)
    if found is None:
        raise Refused(404, "Not Found")
    scheduled = found.scheduled if call.query.get("event") == "schedule" else []
    return Answer([_run(call, found, *one) for one in scheduled], key="workflow_runs")


def _run(call: Call, workflow: Workflow, at: str, conclusion: str | None) -> dict[str, Any]:
    repo: Repo = call.repo
    own = views.repository(call.hub, repo)
    return {
        "id": workflow.id * 1000,
        "event": "schedule",
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "created_at": at,
        "updated_at": at,
        "run_started_at": at,
        "head_sha": repo.bare.tip("main"),
        "head_branch": "main",
        "head_repository": own,
        "repository": own,
        "path": workflow.path,
        "html_url": f"https://github.com/{repo.full_name}/actions/runs/{workflow.id}",
        "pull_requests": [],
    }


@route("GET", f"{REPO}/actions/permissions/workflow")
def permissions(call: Call) -> Answer:
    """Only for administrators."""
    assert call.token is not None
    if call.repo.collaborators.get(call.token.login) != "admin":
        raise Refused(403, "Resource not accessible by integration")
    allowed = call.repo.setting.may_open
    return Answer({"default_workflow_permissions": "read", "can_approve_pull_request_reviews": allowed})
