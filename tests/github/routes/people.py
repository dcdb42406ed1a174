"""Who somebody is, and what they may do."""

from __future__ import annotations

from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route


@route("GET", "/user")
def user(call: Call) -> Answer:
    assert call.token is not None
    if call.token.kind != "pat":
        raise Refused(403, "Resource not accessible by integration")
    return Answer(views.user(call.me))


@route("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission")
def permission(call: Call) -> Answer:
    login = call.params["username"]
    held = call.repo.collaborators.get(login, "read")
    account = call.hub.account(login)
    return Answer({"permission": held, "role_name": held, "user": {**views.user(account), "role_name": held}})


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    rate = {"limit": 5000, "remaining": 4999, "reset": 0, "used": 1}
    return Answer({"resources": {"core": rate, "search": rate}, "rate": rate})
