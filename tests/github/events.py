"""The documents with which GitHub starts workflows: what a runner finds at GITHUB_EVENT_PATH.

Each is held against the payload of its webhook in GitHub's own description, and has all that it must have. A schedule
is no webhook: nothing describes its document, which has the cron line, the repository and who runs it.
"""

from __future__ import annotations

from typing import Any

from tests.github.bare import Commit
from tests.github.hub import WORKFLOW_BOT, Pull, Repo, Run
from tests.github.routes import views
from tests.github.routes.pulls import full, look
from tests.github.state import GitHubServer

ACTIONS = ("opened", "synchronize", "reopened", "closed")
WEBHOOKS = (
    *(f"pull-request-{action}" for action in ACTIONS),
    *("push", "workflow-run-completed", "merge-group-checks-requested"),
)


def pull_request(
    server: GitHubServer, repo: Repo, pull: Pull, action: str, *, before: str = views.ZERO
) -> dict[str, Any]:
    """One of ACTIONS of a pull request as it is now; `before` is where its branch was, for `synchronize`."""
    with server.hub.lock:
        look(server.hub, repo)
        shown = full(server.hub, repo, pull)
    moved = {"before": before, "after": pull.head} if action == "synchronize" else {}
    told = {
        "action": action,
        "number": pull.number,
        "pull_request": shown,
        **moved,
        **_around(server, repo, pull.login),
    }
    return server.description.event(f"pull-request-{action}", told)


def push(server: GitHubServer, repo: Repo, branch: str, *, before: str, login: str) -> dict[str, Any]:
    """A branch that has moved from `before` to where it is now."""
    after = repo.bare.tip(branch)
    made = [_commit(repo, item) for item in repo.bare.log("--reverse", after, f"^{before}")]
    told = {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "base_ref": None,
        "compare": f"https://github.com/{repo.full_name}/compare/{before}...{after}",
        "commits": made,
        "head_commit": made[-1] if made else None,
        "pusher": {"name": login, "email": server.hub.account(login).email},
        **_around(server, repo, login),
    }
    return server.description.event("push", told)


def merge_group(server: GitHubServer, repo: Repo, pull: Pull) -> dict[str, Any]:
    """A pull request that a merge queue wants judged on top of its base, in a branch that is made for it."""
    with server.hub.lock:
        look(server.hub, repo)
        merged = full(server.hub, repo, pull)["merge_commit_sha"]
        base = repo.bare.tip(pull.base)
        branch = f"gh-readonly-queue/{pull.base}/pr-{pull.number}-{base}"
        repo.bare.git("update-ref", f"refs/heads/{branch}", merged)
    group = {
        "head_sha": merged,
        "head_ref": f"refs/heads/{branch}",
        "base_sha": base,
        "base_ref": f"refs/heads/{pull.base}",
        "head_commit": _commit(repo, repo.bare.commit(merged)),
    }
    told = {"action": "checks_requested", "merge_group": group, **_around(server, repo, pull.login)}
    return server.description.event("merge-group-checks-requested", told)


def workflow_run(server: GitHubServer, repo: Repo, run: Run) -> dict[str, Any]:
    """A workflow's run that has ended, for the workflows that wait for it."""
    shown = views.repository(server.hub, repo)
    owner = run.repository.partition("/")[0]
    head = shown if run.repository == repo.full_name else {**shown, "id": repo.id + 1, "full_name": run.repository}
    told = {
        "action": "completed",
        "workflow": {"name": "Models", "path": ".github/workflows/pull-request.yml"},
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
    return server.description.event("workflow-run-completed", told)


def schedule(server: GitHubServer, repo: Repo, cron: str) -> dict[str, Any]:
    """The time has come, as a workflow of the default branch asked for."""
    return {"schedule": cron, **_around(server, repo, WORKFLOW_BOT)}


def _commit(repo: Repo, made: Commit) -> dict[str, Any]:
    who = {"name": made.name, "email": made.email}
    return {
        "id": made.sha,
        "tree_id": made.tree,
        "message": made.message,
        "timestamp": made.date,
        "author": who,
        "committer": who,
        "url": f"https://github.com/{repo.full_name}/commit/{made.sha}",
    }


def _around(server: GitHubServer, repo: Repo, login: str) -> dict[str, Any]:
    return {
        "repository": views.repository(server.hub, repo),
        "sender": views.user(server.hub.account(login)),
    }
