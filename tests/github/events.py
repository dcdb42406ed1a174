"""The documents with which GitHub starts workflows: what a runner finds at GITHUB_EVENT_PATH."""

from __future__ import annotations

from typing import Any

from tests.github.hub import WORKFLOW_BOT, Pull, Repo, Run
from tests.github.routes import views
from tests.github.routes.git_data import REPO
from tests.github.routes.pulls import ONE, full, look
from tests.github.state import GitHubServer


def pull_request(server: GitHubServer, repo: Repo, pull: Pull, action: str) -> dict[str, Any]:
    """`opened`, `synchronize`, `closed`, … of a pull request as it is now."""
    hub, description = server.hub, server.description
    with hub.lock:
        look(hub, repo)
        shown = full(hub, repo, pull)
    return {
        "action": action,
        "number": pull.number,
        "pull_request": description.complete("GET", ONE, 200, shown),
        **_around(server, repo, pull.login),
    }


def push(server: GitHubServer, repo: Repo, branch: str, *, before: str, login: str) -> dict[str, Any]:
    """A branch that has moved from `before` to where it is now."""
    after = repo.bare.tip(branch)
    made = [
        {"id": item.sha, "tree_id": item.tree, "message": item.message, "timestamp": item.date}
        for item in repo.bare.log("--reverse", after, f"^{before}")
    ]
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "commits": made,
        "head_commit": made[-1] if made else None,
        **_around(server, repo, login),
    }


def schedule(server: GitHubServer, repo: Repo, cron: str) -> dict[str, Any]:
    """The time has come, as a workflow of the default branch asked for."""
    return {"schedule": cron, **_around(server, repo, WORKFLOW_BOT)}


def workflow_run(server: GitHubServer, repo: Repo, run: Run) -> dict[str, Any]:
    """A workflow's run that has ended, for the workflows that wait for it."""
    shown = views.repository(server.hub, repo)
    owner = run.repository.partition("/")[0]
    head = shown if run.repository == repo.full_name else {**shown, "id": repo.id + 1, "full_name": run.repository}
    return {
        "action": "completed",
        "workflow_run": {
            "id": run.id,
            "name": "Models",
            "event": run.event,
            "status": "completed",
            "conclusion": run.conclusion,
            "head_branch": run.branch,
            "head_sha": run.head,
            "head_repository": {**head, "owner": views.user(server.hub.account(owner))},
            "pull_requests": [],  # as GitHub has it for a fork's
        },
        **_around(server, repo, owner),
    }


def _around(server: GitHubServer, repo: Repo, login: str) -> dict[str, Any]:
    shown = views.repository(server.hub, repo)
    return {
        "repository": server.description.complete("GET", REPO, 200, shown),
        "sender": views.user(server.hub.account(login)),
    }
