"""The token for GitHub: what it is, what that means for the pull requests it opens, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from mlops_ci.records.doctor import AccessFacts, Finding
from mlops_ci.records.github import TokenKind
from mlops_ci.stages.doctor.findings import error, ok, warning

GROUP = "GitHub"
NEEDED = ("contents", "pull_requests", "issues", "checks", "deployments")
APP = "give mlops-ci an App of its own: docs/github.md#tokens"
SETTING = "Settings → Actions → General → Allow GitHub Actions to create and approve pull requests"
SOON = timedelta(days=14)


def judge(facts: AccessFacts, *, opens: bool, now: datetime) -> Iterator[Finding]:
    """All about a token. `opens` is whether mlops-ci has pull requests to open (promotions, retraining)."""
    if facts.archived:
        yield error(GROUP, "repository", f"{facts.repository} is archived: nothing can be written", "unarchive it")
    yield _token(facts, opens=opens)
    yield from _expiry(facts, now)
    yield _rights(facts)
    if opens:
        yield from _may_open(facts)


def _token(facts: AccessFacts, *, opens: bool) -> Finding:
    if facts.kind is TokenKind.WORKFLOW:
        what = f"the workflow's own ({facts.source})"
        if not opens:
            return ok(GROUP, "token", what)
        message = "GitHub starts no workflow for pull requests that it opens, so required checks wait there"
        return warning(GROUP, "token", f"{what}: {message}", f"{APP}; or close such a request and open it again")
    if facts.kind is TokenKind.APP:
        return ok(GROUP, "token", f"an App's ({facts.source}): workflows run for pull requests that it opens")
    who = facts.login or "a person"
    meaning = f"workflows run for pull requests that it opens, which {who} can't approve; " if opens else ""
    return ok(GROUP, "token", f"personal, of {who} ({facts.source}): {meaning}checks are shown as commit statuses")


def _expiry(facts: AccessFacts, now: datetime) -> Iterator[Finding]:
    ends = moment(facts.expires)
    if ends is not None and ends - now < SOON:
        yield warning(
            GROUP,
            "token's end",
            f"it runs out on {ends:%Y-%m-%d}",
            "renew it, or use an App, whose tokens renew themselves",
        )


def moment(text: str) -> datetime | None:
    """GitHub's `2026-03-01 12:00:00 UTC` (or `+0100`); None for anything else."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:UTC|([+-]\d{4}))", text.strip())
    if found is None:
        return None
    read = datetime.strptime(f"{found[1]} {found[2] or '+0000'}", "%Y-%m-%d %H:%M:%S %z")
    return read.astimezone(timezone.utc)


def _rights(facts: AccessFacts) -> Finding:
    """What it may do, as far as GitHub tells."""
    if facts.granted is not None:
        lacking = [f"{name}: write" for name in NEEDED if facts.granted.get(name) not in ("write", "admin")]
        if lacking:
            cure = "in the App's settings, Permissions & events; then accept them where it is installed"
            return error(GROUP, "permissions", f"the App lacks {', '.join(lacking)}", cure)
        return ok(GROUP, "permissions", ", ".join(f"{name}: write" for name in NEEDED))
    if facts.kind is TokenKind.WORKFLOW:
        message = "those of the job's 'permissions:', which can't be asked for; 'Set up job' in its log lists them"
        return ok(GROUP, "permissions", message)
    if facts.kind is TokenKind.APP:
        return ok(GROUP, "permissions", "an App's token does not tell them; its settings, or its key, would")
    if facts.role is not None and not facts.role.get("push"):
        who = facts.login or "the token"
        return error(GROUP, "permissions", f"{who} may not write to {facts.repository}", "ask for the role 'write'")
    if facts.scopes is None:
        needed = ", ".join(f"{name}: write" for name in NEEDED)
        return ok(GROUP, "permissions", f"may write; a fine-grained token does not tell the rest; needed are {needed}")
    enough = "repo" in facts.scopes or ("public_repo" in facts.scopes and not facts.private)
    held = ", ".join(facts.scopes) or "none"
    if not enough:
        scope = "repo" if facts.private else "public_repo"
        return error(GROUP, "permissions", f"the token has the scopes {held}", f"give it the scope '{scope}'")
    return ok(GROUP, "permissions", f"scopes {held}")


def _may_open(facts: AccessFacts) -> Iterator[Finding]:
    if facts.may_open is False:
        message = "the workflow's own token may not open pull requests here, so promotions fail"
        if facts.kind is TokenKind.WORKFLOW:
            yield error(GROUP, "pull requests", message, f"{SETTING}; or {APP}")
        else:
            yield warning(GROUP, "pull requests", message, f"{SETTING}, if the workflows use GITHUB_TOKEN")
    elif facts.may_open is None and facts.kind is TokenKind.WORKFLOW:
        yield warning(GROUP, "pull requests", "whether it may open them only an administrator's token tells", SETTING)
