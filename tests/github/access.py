"""Who asks: a token of a person, of a workflow, of an App's installation, or an App itself with its JWT."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt

from tests.github.hub import App, Hub, Token
from tests.github.routing import Refused

LONGEST = 600  # seconds that a JWT may live


def who(hub: Hub, header: str) -> tuple[Token | None, App | None]:
    """Raises Refused for what is no credential, or one that ran out."""
    kind, _, text = header.partition(" ")
    if kind.lower() not in ("token", "bearer") or not text:
        raise Refused(401, "Requires authentication")
    if text.count(".") == 2:
        return None, _app(hub, text)
    token = hub.tokens.get(text)
    if token is None or (token.expires is not None and hub.clock() >= token.expires):
        raise Refused(401, "Bad credentials")
    return token, None


def _app(hub: Hub, text: str) -> App:
    """The App whose key signed the token, as GitHub checks it: by the hub's clock, and no longer than ten minutes."""
    try:
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        app = hub.apps[int(claims["iss"])]
        jwt.decode(text, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
    except (jwt.InvalidTokenError, ValueError, KeyError) as error:
        raise Refused(401, "A JSON web token could not be decoded") from error
    now = hub.clock().timestamp()
    if claims["exp"] <= now or claims["exp"] - claims["iat"] > LONGEST or claims["iat"] > now:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future, or past")
    return app
