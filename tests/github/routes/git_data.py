"""Branches, commits, trees, blobs and file contents, straight from the bare repository."""

from __future__ import annotations

import base64
import re
from typing import Any

from tests.github.bare import GitRefused
from tests.github.hub import Repo
from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route

REPO = "/repos/{owner}/{repo}"
MOST = 250
BAD_PATH = re.compile(r"(^|/)(\.\.?|\.git)?(/|$)", re.IGNORECASE)
STATUS = {"A": "added", "M": "modified", "D": "removed"}


@route("GET", f"{REPO}/git/ref/{{ref}}")
def ref(call: Call) -> Answer:
    name = call.params["ref"].removeprefix("heads/")
    sha = call.repo.bare.tip(name)
    if not sha:
        raise Refused(404, "Not Found")
    return Answer(_ref(name, sha))


@route("POST", f"{REPO}/git/refs")
def new_ref(call: Call) -> Answer:
    name = call.body["ref"].removeprefix("refs/heads/")
    if call.repo.bare.tip(name):
        raise Refused(422, "Reference already exists")
    if call.repo.bare.kind(call.body["sha"]) != "commit":
        raise Refused(422, "Object does not exist")
    call.repo.bare.move(name, call.body["sha"])
    return Answer(_ref(name, call.body["sha"]), 201)


@route("PATCH", f"{REPO}/git/refs/{{ref}}")
def move_ref(call: Call) -> Answer:
    name, bare = call.params["ref"].removeprefix("heads/"), call.repo.bare
    old = bare.tip(name)
    if not old:
        raise Refused(422, "Reference does not exist")
    if not call.body.get("force") and not bare.ancestor(old, call.body["sha"]):
        raise Refused(422, "Update is not a fast forward")
    bare.move(name, call.body["sha"])
    return Answer(_ref(name, call.body["sha"]))


@route("DELETE", f"{REPO}/git/refs/{{ref}}")
def delete_ref(call: Call) -> Answer:
    name = call.params["ref"].removeprefix("heads/")
    if not call.repo.bare.tip(name):
        raise Refused(422, "Reference does not exist")
    call.repo.bare.move(name, views.ZERO)
    return Answer(status=204)


@route("GET", f"{REPO}/git/commits/{{commit_sha}}")
def git_commit(call: Call) -> Answer:
    if call.repo.bare.kind(call.params["commit_sha"]) != "commit":
        raise Refused(404, "Not Found")
    return Answer(views.git_commit(call.repo.bare.commit(call.params["commit_sha"])))


@route("POST", f"{REPO}/git/commits")
def new_commit(call: Call) -> Answer:
    bare = call.repo.bare
    if bare.kind(call.body["tree"]) != "tree":
        raise Refused(422, "Tree SHA does not exist")
    who = (call.me.login, call.me.email)
    sha = bare.new_commit(call.body["tree"], call.body.get("parents", []), call.body["message"], who)
    return Answer(views.git_commit(bare.commit(sha)), 201)


@route("GET", f"{REPO}/git/trees/{{tree_sha}}")
def tree(call: Call) -> Answer:
    if call.repo.bare.kind(call.params["tree_sha"]) not in ("tree", "commit"):
        raise Refused(404, "Not Found")
    sha = call.repo.bare.git("rev-parse", f"{call.params['tree_sha']}^{{tree}}")
    return Answer({"sha": sha, "tree": call.repo.bare.tree(sha), "truncated": False})


@route("POST", f"{REPO}/git/trees")
def new_tree(call: Call) -> Answer:
    bare, entries = call.repo.bare, call.body["tree"]
    for item in entries:
        if BAD_PATH.search(item["path"]):
            raise Refused(422, "tree.path contains a malformed path component")
        if item.get("sha") and bare.kind(item["sha"]) != item["type"]:
            raise Refused(422, "tree.sha does not exist")
    index = call.hub.root / f"index-{call.hub.fresh()}"
    try:
        sha = bare.new_tree(call.body.get("base_tree", ""), entries, index)
    except GitRefused as error:
        raise Refused(422, str(error)) from error
    finally:
        index.unlink(missing_ok=True)
    return Answer({"sha": sha, "tree": bare.tree(sha), "truncated": False}, 201)


@route("POST", f"{REPO}/git/blobs")
def new_blob(call: Call) -> Answer:
    content = call.body["content"]
    raw = base64.b64decode(content) if call.body.get("encoding") == "base64" else content.encode()
    return Answer({"sha": call.repo.bare.blob(raw)}, 201)


@route("GET", f"{REPO}/git/blobs/{{file_sha}}")
def blob(call: Call) -> Answer:
    sha, bare = call.params["file_sha"], call.repo.bare
    if bare.kind(sha) != "blob":
        raise Refused(404, "Not Found")
    raw = bare.raw("cat-file", "blob", sha)
    content = base64.encodebytes(raw).decode()
    return Answer({"sha": sha, "content": content, "encoding": "base64", "size": len(raw)})


@route("GET", f"{REPO}/contents/{{path}}")
def contents(call: Call) -> Answer:
    bare, path = call.repo.bare, call.params["path"]
    commit = bare.resolve(call.query.get("ref", "main"))
    if not commit:
        raise Refused(404, f"No commit found for the ref {call.query.get('ref')}")
    name = f"{commit}:{path}"
    kind = bare.kind(name)
    if kind == "tree":
        return Answer([_listed(path, item) for item in bare.tree(name)])
    if kind != "blob":
        raise Refused(404, "Not Found")
    raw = bare.raw("cat-file", "blob", name)
    big = len(raw) > 1024 * 1024  # GitHub gives no content of a larger file here
    return Answer(
        {
            "type": "file",
            "path": path,
            "name": path.rpartition("/")[2],
            "sha": bare.git("rev-parse", name),
            "size": len(raw),
            "encoding": "none" if big else "base64",
            "content": "" if big else base64.encodebytes(raw).decode(),
        }
    )


@route("GET", f"{REPO}/compare/{{basehead}}")
def compare(call: Call) -> Answer:
    bare = call.repo.bare
    base_name, _, head_name = call.params["basehead"].partition("...")
    base, head = bare.resolve(base_name), bare.resolve(head_name)
    if not base or not head:
        raise Refused(404, "Not Found")
    fork = bare.merge_base(base, head)
    if not fork:
        raise Refused(404, "No common ancestor")
    ahead = bare.log("--reverse", head, f"^{base}")
    behind = len(bare.log(base, f"^{head}"))
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    return Answer(
        {
            "status": status.get((bool(ahead), bool(behind)), "diverged"),
            "ahead_by": len(ahead),
            "behind_by": behind,
            "total_commits": len(ahead),
            "commits": [views.commit(item) for item in ahead[-MOST:]],
            "base_commit": views.commit(bare.commit(base)),
            "merge_base_commit": views.commit(bare.commit(fork)),
            "files": [{"filename": path, "status": STATUS[letter]} for letter, path in bare.changed(fork, head)],
        }
    )


@route("GET", f"{REPO}/commits/{{commit_sha}}/pulls")
def pulls_of_commit(call: Call) -> Answer:
    from tests.github.routes.pulls import simple

    repo, sha = call.repo, call.params["commit_sha"]
    found = [
        pull
        for pull in repo.pulls.values()
        if sha in (pull.merge_commit, pull.head)
        or (pull.state == "open" and repo.bare.ancestor(sha, pull.head) and not repo.bare.ancestor(sha, pull.base))
    ]
    return Answer([simple(call.hub, repo, pull) for pull in found])


def _ref(name: str, sha: str) -> dict[str, Any]:
    return {"ref": f"refs/heads/{name}", "node_id": "REF", "object": {"type": "commit", "sha": sha}}


def _listed(folder: str, item: dict[str, Any]) -> dict[str, Any]:
    kind = "dir" if item["type"] == "tree" else "file"
    return {"type": kind, "path": f"{folder}/{item['path']}", "name": item["path"], "sha": item["sha"], "size": 0}


def changed_files(repo: Repo, base: str, head: str) -> list[dict[str, Any]]:
    """What a pull request changes: from where it left its base."""
    fork = repo.bare.merge_base(base, head)
    return [
        {"filename": path, "status": STATUS[letter], "sha": views.ZERO}
        for letter, path in (repo.bare.changed(fork, head) if fork else ())
    ]
