"""Pull requests: they follow their branches, and are closed or merged by what happens to them."""

from __future__ import annotations

from typing import Any

from tests.github.bare import GitRefused
from tests.github.hub import Hub, Pull, Repo
from tests.github.routes import views
from tests.github.routes.git_data import changed_files
from tests.github.routing import Answer, Call, Refused, route

PULLS = "/repos/{owner}/{repo}/pulls"
ONE = f"{PULLS}/{{pull_number}}"
LONGEST = 65_536  # characters of a body


def look(hub: Hub, repo: Repo) -> None:
    """Bring open pull requests up to what git has: pushes, deleted branches, merges by hand."""
    heads = repo.bare.heads()
    for pull in repo.pulls.values():
        if pull.state != "open" or pull.owner != repo.owner:
            continue
        tip, base = heads.get(pull.branch, ""), heads.get(pull.base, "")
        if not tip or not base:
            close(hub, pull)
        elif tip != pull.head and repo.bare.ancestor(tip, base):
            pull.head = tip
            close(hub, pull)  # nothing is left in it
        elif repo.bare.ancestor(tip, base):
            finish(hub, pull, commit=tip)
        else:
            pull.head = tip


def close(hub: Hub, pull: Pull) -> None:
    pull.state, pull.closed_at = "closed", hub.now()


def finish(hub: Hub, pull: Pull, *, commit: str) -> None:
    close(hub, pull)
    pull.merged_at, pull.merge_commit = pull.closed_at, commit


def simple(hub: Hub, repo: Repo, pull: Pull) -> dict[str, Any]:
    """A pull request as lists show it."""
    return {
        "number": pull.number,
        "id": 10_000 + pull.number,
        "node_id": pull.node,
        "url": f"https://api.github.com/repos/{repo.full_name}/pulls/{pull.number}",
        "html_url": f"https://github.com/{repo.full_name}/pull/{pull.number}",
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "body": pull.body,
        "user": views.user(hub.account(pull.login)),
        "draft": pull.draft,
        "created_at": pull.opened_at,
        "updated_at": pull.closed_at or pull.opened_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit or _trial(repo, pull),
        "labels": [_label(repo, name) for name in pull.labels],
        "requested_reviewers": [views.user(hub.account(login)) for login in pull.reviewers],
        "requested_teams": [{"id": 1, "slug": slug, "name": slug} for slug in pull.teams],
        "head": _end(hub, repo, pull.branch, pull.head, pull.owner),
        "base": _end(hub, repo, pull.base, repo.bare.tip(pull.base) or pull.head, repo.owner),
    }


def full(hub: Hub, repo: Repo, pull: Pull) -> dict[str, Any]:
    """The same as one alone is shown, with whether it can be merged."""
    able = None if pull.state != "open" else bool(_trial(repo, pull))
    return {
        **simple(hub, repo, pull),
        "merged": pull.merged_at is not None,
        "mergeable": able,
        "mergeable_state": {None: "unknown", True: "clean", False: "dirty"}[able],
        "merged_by": None,
    }


def _trial(repo: Repo, pull: Pull) -> str | None:
    """The commit that GitHub makes to see whether a merge would work; None where it would not."""
    base = repo.bare.tip(pull.base)
    if pull.state != "open" or not base:
        return None
    if (base, pull.head) not in repo.trials:
        tree, who = repo.bare.merged(base, pull.head), ("GitHub", "noreply@github.com")
        made = repo.bare.new_commit(tree, [base, pull.head], "Trial", who) if tree else None
        repo.trials[base, pull.head] = made
    return repo.trials[base, pull.head]


def _end(hub: Hub, repo: Repo, branch: str, sha: str, owner: str) -> dict[str, Any]:
    whole = views.repository(hub, repo)
    if owner != repo.owner:
        whole |= {"id": repo.id + 1, "full_name": f"{owner}/{repo.name}", "owner": views.user(hub.account(owner))}
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": views.user(hub.account(owner)),
        "repo": whole,
    }


def _label(repo: Repo, name: str) -> dict[str, Any]:
    return {"id": 1, "name": name, "color": repo.labels.get(name, "ededed"), "default": False, "description": ""}


@route("GET", PULLS)
def listed(call: Call) -> Answer:
    state, head, base = call.query.get("state", "open"), call.query.get("head", ""), call.query.get("base", "")
    found = [
        pull
        for pull in call.repo.pulls.values()
        if state in ("all", pull.state) and head in ("", f"{pull.owner}:{pull.branch}") and base in ("", pull.base)
    ]
    newest = sorted(found, key=lambda pull: pull.number, reverse=call.query.get("direction", "desc") == "desc")
    return Answer([simple(call.hub, call.repo, pull) for pull in newest])


@route("POST", PULLS)
def opened(call: Call) -> Answer:
    repo, bare, body = call.repo, call.repo.bare, call.body
    branch = body["head"].partition(":")[2] or body["head"]
    head, base = bare.tip(branch), bare.tip(body["base"])
    for name, sha in (("head", head), ("base", base)):
        if not sha:
            raise Refused(422, "Validation Failed", ({"resource": "PullRequest", "field": name, "code": "invalid"},))
    if not bare.log("-1", head, f"^{base}"):
        raise _custom(f"No commits between {body['base']} and {branch}")
    if any(p.state == "open" and (p.branch, p.base) == (branch, body["base"]) for p in repo.pulls.values()):
        raise _custom(f"A pull request already exists for {repo.owner}:{branch}.")
    _fitting(body.get("body"))
    number = len(repo.pulls) + 1
    pull = Pull(
        number=number,
        title=body["title"].strip(),
        body=body.get("body"),
        branch=branch,
        base=body["base"],
        head=head,
        login=call.me.login,
        opened_at=call.hub.now(),
        opened=number,
        draft=bool(body.get("draft")),
    )
    repo.pulls[number] = pull
    return Answer(full(call.hub, repo, pull), 201)


@route("GET", ONE)
def one(call: Call) -> Answer:
    return Answer(full(call.hub, call.repo, call.pull))


@route("PATCH", ONE)
def changed(call: Call) -> Answer:
    pull, body = call.pull, call.body
    _fitting(body.get("body"))
    pull.title = body.get("title", pull.title).strip()
    pull.body = body.get("body", pull.body)
    if body.get("state") == "closed" and pull.state == "open":
        close(call.hub, pull)
    return Answer(full(call.hub, call.repo, pull))


@route("GET", f"{ONE}/files")
def files(call: Call) -> Answer:
    pull = call.pull
    return Answer(changed_files(call.repo, call.repo.bare.tip(pull.base), pull.head))


@route("PUT", f"{ONE}/merge")
def merge(call: Call) -> Answer:
    pull, repo, bare = call.pull, call.repo, call.repo.bare
    method = call.body.get("merge_method", "merge")
    if pull.state != "open" or pull.draft:
        raise Refused(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
    if call.body.get("sha") not in (None, pull.head):
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    if method not in repo.methods:
        raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
    base = bare.tip(pull.base)
    tree = bare.merged(base, pull.head)
    if not tree:
        raise Refused(405, "Pull Request is not mergeable")
    title = call.body.get("commit_title") or f"{pull.title} (#{pull.number})"
    message = f"{title}\n\n{call.body.get('commit_message', '')}".rstrip()
    who = (call.me.login, call.me.email)
    parents = [base, pull.head] if method == "merge" else [base]
    commit = bare.new_commit(tree, parents, message, who)
    try:
        bare.move(pull.base, commit, base)
    except GitRefused as error:
        raise Refused(405, "Base branch was modified. Review and try the merge again.") from error
    finish(call.hub, pull, commit=commit)
    return Answer({"sha": commit, "merged": True, "message": "Pull Request successfully merged"})


def _custom(message: str) -> Refused:
    return Refused(422, "Validation Failed", ({"resource": "PullRequest", "code": "custom", "message": message},))


def _fitting(body: str | None) -> None:
    if body is not None and len(body) > LONGEST:
        raise Refused(422, "Validation Failed", ({"field": "body", "message": "body is too long", "code": "custom"},))
