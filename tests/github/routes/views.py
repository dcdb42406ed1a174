"""People, repositories and commits as the API shows them. What is not given here comes from the description."""

from __future__ import annotations

from typing import Any

from tests.github.bare import Commit
from tests.github.hub import Account, App, Hub, Repo

ZERO = "0" * 40


def user(account: Account) -> dict[str, Any]:
    return {"login": account.login, "id": account.id, "node_id": f"U_{account.id}", "type": account.kind}


def someone(hub: Hub, login: str | None) -> dict[str, Any] | None:
    """A person, or null for one whose account was deleted."""
    return None if login is None else user(hub.account(login))


def repository(hub: Hub, repo: Repo) -> dict[str, Any]:
    return {
        "id": repo.id,
        "node_id": repo.node,
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": user(hub.account(repo.owner)),
        "private": repo.setting.private,
        "archived": repo.setting.archived,
        "default_branch": "main",
        "html_url": f"https://github.com/{repo.full_name}",
        "url": f"https://api.github.com/repos/{repo.full_name}",
    }


def app(made: App) -> dict[str, Any]:
    return {"id": made.id, "slug": made.slug, "name": made.slug, "permissions": {"contents": "write"}, "events": []}


def git_commit(commit: Commit) -> dict[str, Any]:
    """As `git/commits` shows it."""
    signed = {"name": commit.name, "email": commit.email, "date": commit.date}
    return {
        "sha": commit.sha,
        "author": signed,
        "committer": signed,
        "message": commit.message,
        "tree": {"sha": commit.tree},
        "parents": [{"sha": parent} for parent in commit.parents],
    }


def commit(made: Commit) -> dict[str, Any]:
    """As lists and comparisons show it: `author` is null where the e-mail is no account's."""
    return {
        "sha": made.sha,
        "commit": {**git_commit(made), "comment_count": 0},
        "author": None,
        "committer": None,
        "parents": [{"sha": parent} for parent in made.parents],
    }
