"""Runs of workflows and what they hand over. A zip is had from another place, by a link that needs no token."""

from __future__ import annotations

import hashlib

from tests.github.hub import Run
from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route
from tests.github.state import GitHubServer, Sent

REPO = "/repos/{owner}/{repo}/actions"
BLOBS = "/_blobs/"


def _run(call: Call) -> Run:
    found = call.repo.runs.get(int(call.params["run_id"]))
    if found is None:
        raise Refused(404, "Not Found")
    return found


@route("POST", "/repos/{owner}/{repo}/dispatches")
def dispatch(call: Call) -> Answer:
    """An event that starts workflows; what GitHub's description can't say is checked here."""
    if len(call.body.get("client_payload", {})) > 10:
        raise Refused(422, "Invalid request: no more than 10 properties are allowed")
    call.repo.dispatches.append(call.body)
    return Answer(status=204)


@route("GET", f"{REPO}/runs/{{run_id}}")
def run(call: Call) -> Answer:
    found = _run(call)
    own = views.repository(call.hub, call.repo)
    owner = views.user(call.hub.account(found.repository.partition("/")[0]))
    head = {**own, "full_name": found.repository, "owner": owner}
    return Answer(
        {
            "id": found.id,
            "event": found.event,
            "status": "completed" if found.conclusion else "in_progress",
            "conclusion": found.conclusion or None,
            "head_sha": found.head,
            "head_branch": found.branch,
            "head_repository": head,
            "repository": own,
            "path": ".github/workflows/pull-request.yml",
            "html_url": f"https://github.com/{call.repo.full_name}/actions/runs/{found.id}",
            "pull_requests": [],  # as GitHub has it for a fork's
        }
    )


@route("GET", f"{REPO}/runs/{{run_id}}/artifacts")
def artifacts(call: Call) -> Answer:
    found = _run(call)
    listed = [
        {
            "id": number,
            "name": name,
            "size_in_bytes": len(content),
            "expired": number in found.expired,
            "archive_download_url": f"https://api.github.com/repos/x/actions/artifacts/{number}/zip",
            "created_at": call.hub.now(),
            "updated_at": call.hub.now(),
            "expires_at": call.hub.now(),
        }
        for number, (name, content) in found.artifacts.items()
    ]
    return Answer(listed, key="artifacts")


@route("GET", f"{REPO}/artifacts/{{artifact_id}}/{{archive_format}}")
def archive(call: Call) -> Answer:
    number = int(call.params["artifact_id"])
    found = next((run for run in call.repo.runs.values() if number in run.artifacts), None)
    if found is None or number in found.expired:
        raise Refused(410 if found else 404, "Artifact has expired" if found else "Not Found")
    return Answer(status=302, headers={"location": f"{call.hub.address}{BLOBS}{number}?sig={_signed(number)}"})


def blob(state: GitHubServer, path: str, authorization: str | None) -> Sent:
    """The other place, which no token must come to."""
    if authorization is not None:
        state.violations.append(f"a token was sent to {path}")
    number = int(path.removeprefix(BLOBS))
    for repo in state.hub.repos.values():
        for found in repo.runs.values():
            if number in found.artifacts:
                return 200, {"content-type": "application/zip"}, found.artifacts[number][1]
    return 404, {}, b""


def _signed(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]
