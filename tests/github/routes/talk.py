"""Comments, labels, reviews and who is asked for them."""

from __future__ import annotations

from typing import Any

from tests.github.hub import Comment, Hub, Repo, Review
from tests.github.routes import views
from tests.github.routes.pulls import LONGEST, ONE, full
from tests.github.routing import Answer, Call, Refused, route

ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"


@route("GET", f"{ISSUE}/comments")
def comments(call: Call) -> Answer:
    number = call.pull.number
    return Answer([_comment(call.hub, call.repo, number, item) for item in call.pull.comments])


@route("POST", f"{ISSUE}/comments")
def new_comment(call: Call) -> Answer:
    _fitting(call.body["body"])
    made = Comment(id=call.hub.fresh(), login=call.me.login, body=call.body["body"], at=call.hub.now())
    call.pull.comments.append(made)
    return Answer(_comment(call.hub, call.repo, call.pull.number, made), 201)


@route("PATCH", COMMENT)
def changed_comment(call: Call) -> Answer:
    number, found = _found(call)
    _fitting(call.body["body"])
    found.body = call.body["body"]
    return Answer(_comment(call.hub, call.repo, number, found))


@route("DELETE", COMMENT)
def deleted_comment(call: Call) -> Answer:
    number, found = _found(call)
    call.repo.pulls[number].comments.remove(found)
    return Answer(status=204)


def _found(call: Call) -> tuple[int, Comment]:
    """A comment that this token may change: one of its own."""
    for pull in call.repo.pulls.values():
        for comment in pull.comments:
            if comment.id == int(call.params["comment_id"]):
                if comment.login != call.me.login:
                    raise Refused(403, "Resource not accessible by integration")
                return pull.number, comment
    raise Refused(404, "Not Found")


def _comment(hub: Hub, repo: Repo, number: int, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "body": comment.body,
        "user": views.someone(hub, comment.login),
        "created_at": comment.at,
        "updated_at": comment.at,
        "html_url": f"https://github.com/{repo.full_name}/pull/{number}#issuecomment-{comment.id}",
    }


def _fitting(body: str) -> None:
    if len(body) > LONGEST:
        raise Refused(422, "Validation Failed", ({"field": "body", "message": "body is too long", "code": "custom"},))


@route("POST", f"{ISSUE}/labels")
def add_labels(call: Call) -> Answer:
    names = call.body["labels"] if isinstance(call.body, dict) else call.body
    for name in names:
        call.repo.labels.setdefault(name, "ededed")
        if name not in call.pull.labels:
            call.pull.labels.append(name)
    return Answer(_labels(call))


@route("DELETE", f"{ISSUE}/labels/{{name}}")
def remove_label(call: Call) -> Answer:
    if call.params["name"] not in call.pull.labels:
        raise Refused(404, "Label does not exist")
    call.pull.labels.remove(call.params["name"])
    return Answer(_labels(call))


def _labels(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": 1, "name": name, "color": call.repo.labels[name], "default": False, "description": ""}
        for name in call.pull.labels
    ]


@route("GET", f"{ONE}/reviews")
def reviews(call: Call) -> Answer:
    return Answer([_review(call.hub, item) for item in call.pull.reviews])


def _review(hub: Hub, review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "user": views.user(hub.account(review.login)),
        "state": review.state,
        "body": "",
        "commit_id": review.commit,
        "submitted_at": review.at,
        "author_association": "MEMBER",
    }


@route("POST", f"{ONE}/requested_reviewers")
def ask_for_reviews(call: Call) -> Answer:
    pull, repo = call.pull, call.repo
    people, teams = call.body.get("reviewers", []), call.body.get("team_reviewers", [])
    if pull.login in people:
        raise Refused(422, "Review cannot be requested from pull request author.")
    if any(login not in repo.collaborators for login in people) or any(slug not in repo.teams for slug in teams):
        raise Refused(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not "
            f"a collaborator of the {repo.full_name} repository.",
        )
    pull.reviewers += [login for login in people if login not in pull.reviewers]
    pull.teams += [slug for slug in teams if slug not in pull.teams]
    return Answer(full(call.hub, repo, pull), 201)
