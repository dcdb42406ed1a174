"""What a GitHub App asks with its JWT: where it is installed, and for a token that lives an hour."""

from __future__ import annotations

from datetime import timedelta

from tests.github.routes import views
from tests.github.routing import Answer, Call, Refused, route

LIVES = timedelta(hours=1)


@route("GET", "/app", app=True)
def app(call: Call) -> Answer:
    assert call.app is not None
    return Answer(views.app(call.app))


@route("GET", "/repos/{owner}/{repo}/installation", app=True)
def installation(call: Call) -> Answer:
    assert call.app is not None
    owner = call.hub.account(call.repo.owner)
    return Answer(
        {
            "id": call.app.installation,
            "app_id": call.app.id,
            "app_slug": call.app.slug,
            "account": views.user(owner),
            "target_type": "Organization",
            "repository_selection": "selected",
            "permissions": call.app.permissions,
            "events": [],
        }
    )


@route("POST", "/app/installations/{installation_id}/access_tokens", app=True)
def access_token(call: Call) -> Answer:
    made, hub = call.app, call.hub
    assert made is not None
    if int(call.params["installation_id"]) != made.installation:
        raise Refused(404, "Not Found")
    text = hub.token(f"ghs_installation{hub.fresh()}", f"{made.slug}[bot]", kind="installation", lives=LIVES)
    expires = (hub.clock() + LIVES).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Answer({"token": text, "expires_at": expires}, 201)
