"""Whether anything unjudged can get into the default branch."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.records.doctor import Finding, RuleFacts
from mlops_ci.stages.doctor.findings import ok, warning

GROUP = "GitHub"
REQUIRED = "Models are judged"
RULES = "Settings → Rules → Rulesets"


def judge(facts: RuleFacts) -> Iterator[Finding]:
    """Required checks and pull requests, of rulesets and of the older branch protection."""
    # A called workflow puts its own job's name before it.
    if any(name == REQUIRED or name.endswith(f"/ {REQUIRED}") for name in facts.checks):
        yield ok(GROUP, "required check", f"{facts.branch} takes nothing before '{REQUIRED}' is green")
    else:
        named = ", ".join(f"'{name}'" for name in facts.checks[:5])
        message = f"'{REQUIRED}' is not required for {facts.branch}" + (f", only {named}" if named else "")
        yield warning(
            GROUP, "required check", f"{message}: what is red can be merged", f"{RULES}: require the check '{REQUIRED}'"
        )
    if facts.pull_request:
        yield ok(GROUP, "pull requests only", f"{facts.branch} takes no push")
    elif facts.pull_request is False:
        message = f"{facts.branch} can be pushed to without a pull request: a push is a release"
        yield warning(GROUP, "pull requests only", message, f"{RULES}: require a pull request for {facts.branch}")
    else:
        message = f"{facts.branch} is protected; whether it takes pushes only an administrator's token tells"
        yield ok(GROUP, "pull requests only", message)
