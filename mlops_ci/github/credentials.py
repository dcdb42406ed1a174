"""Which token is used: a GitHub App's before a personal one, and that before the workflow's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mlops_ci.errors import UsageError
from mlops_ci.records.github import Access, AppKey, TokenKind

APP, KEY, INSTALLATION = "MLOPS_CI_APP_ID", "MLOPS_CI_APP_PRIVATE_KEY", "MLOPS_CI_APP_INSTALLATION_ID"
PERSONAL = ("MLOPS_CI_TOKEN", "GH_TOKEN")
WORKFLOW = "GITHUB_TOKEN"
API = "https://api.github.com"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ISSUED = "ghs_"  # how the tokens of Apps begin, the workflow's own among them
DOCS = "github.md#tokens"


def find_access(environ: Mapping[str, str]) -> Access | None:
    """How GitHub is reached, None where the environment names no repository or has no token.

    Raises UsageError for what can't be one: a name, a URL or a token of another form. No message shows a token.
    """
    repository = environ.get("GITHUB_REPOSITORY", "")
    if not repository:
        return None
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"GITHUB_REPOSITORY is '{repository[:100]}', not owner/name", docs=DOCS)
    api_url = _url(environ.get("GITHUB_API_URL", ""))
    graphql_url = environ.get("GITHUB_GRAPHQL_URL", "") or api_url.removesuffix("/v3") + "/graphql"
    if urlsplit(graphql_url)[:2] != urlsplit(api_url)[:2]:
        raise UsageError("GITHUB_GRAPHQL_URL is not on the host of GITHUB_API_URL", docs=DOCS)
    if environ.get(APP) or environ.get(KEY):
        source, kind, token, key = APP, TokenKind.APP, "", _key(environ)
    else:
        source = next((name for name in (*PERSONAL, WORKFLOW) if environ.get(name, "").strip()), "")
        if not source:
            return None
        token, key = _token(environ[source], source), None
        kind = _kind(source, token)
    return Access(
        repository=repository,
        api_url=api_url,
        graphql_url=graphql_url,
        kind=kind,
        source=source,
        token=token,
        key=key,
    )


def _kind(source: str, token: str) -> TokenKind:
    """A step of the workflow may have made an App's token and given it under any name."""
    if source == WORKFLOW:
        return TokenKind.WORKFLOW
    return TokenKind.APP if token.startswith(ISSUED) else TokenKind.PERSONAL


def _url(text: str) -> str:
    url = (text or API).rstrip("/")
    split = urlsplit(url)
    safe = split.scheme == "https" or (split.scheme == "http" and split.hostname in LOOPBACK)
    if not safe or not split.hostname or split.username or split.query:
        shown = f"{split.scheme}://{split.hostname or ''}"
        hint = "for GitHub Enterprise: https://HOST/api/v3"
        raise UsageError(f"GITHUB_API_URL ({shown}) must be an https URL without user or query", hint=hint, docs=DOCS)
    return url


def _token(text: str, source: str) -> str:
    """A secret often ends with a line break. Anything else odd would be refused later, by an error that shows it."""
    token = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UsageError(f"{source} is no token: it has spaces or characters that none has", docs=DOCS)
    return token


def _key(environ: Mapping[str, str]) -> AppKey:
    app, key = environ.get(APP, "").strip(), environ.get(KEY, "")
    missing = next((name for name, value in ((APP, app), (KEY, key)) if not value), "")
    if missing:
        raise UsageError(f"a GitHub App needs {APP} and {KEY}; {missing} is missing", docs=DOCS)
    number = environ.get(INSTALLATION, "").strip() or "0"
    if not number.isdecimal():
        raise UsageError(f"{INSTALLATION} is no number", docs=DOCS)
    # Secrets that were pasted into one line have their line breaks written out.
    return AppKey(app=app, private_key=key.replace("\\n", "\n").strip() + "\n", installation=int(number))
