"""Whether the workflows that run by time still do. GitHub stops them after 60 days without a commit, without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mlops_ci.records.doctor import Finding, ScheduleFacts
from mlops_ci.stages.doctor.clone import name_of
from mlops_ci.stages.doctor.findings import error, ok, warning

GROUP = "GitHub"
# GitHub starts runs late, and at busy times leaves some out: what runs every few minutes may rest for hours.
HOURLY, DAILY, WEEKLY, MONTHLY = timedelta(hours=6), timedelta(days=2), timedelta(days=9), timedelta(days=64)
STOPPED = {
    "disabled_inactivity": "GitHub stopped it: there was no commit for 60 days",
    "disabled_manually": "somebody disabled it",
    "disabled_fork": "GitHub runs no schedules in a fork until somebody enables them",
}


def judge(facts: ScheduleFacts, crons: Sequence[str], *, now: datetime) -> Finding:
    """One workflow with a schedule."""
    name = name_of(facts.path)
    if not facts.state:
        message = "GitHub does not know it yet: schedules run from the default branch"
        return warning(GROUP, name, message, f"merge {facts.path} into the default branch")
    if facts.state != "active":
        message = STOPPED.get(facts.state, f"it is not active: {facts.state}")
        return error(GROUP, name, message, f"gh workflow enable {name}, or Actions → {name} → Enable workflow")
    if facts.last is None:
        cure = "if it is new, wait for its time; GitHub runs schedules of the default branch alone"
        return warning(GROUP, name, "it has not run by its schedule yet", cure)
    age = now - facts.last
    ran = f"last ran by its schedule {words(age)} ago"
    if age > min(map(patience, crons), default=DAILY):
        cure = "see its runs under Actions; https://githubstatus.com says whether GitHub is late"
        return warning(GROUP, name, f"{ran}, and should have since", cure)
    if facts.conclusion in ("failure", "timed_out", "startup_failure", "cancelled"):
        return warning(GROUP, name, f"{ran}: {facts.conclusion}", f"see {facts.url}")
    return ok(GROUP, name, f"{ran}: {facts.conclusion or 'it runs now'}")


def judge_all(
    found: Sequence[ScheduleFacts] | None, crons: Mapping[str, Sequence[str]], *, now: datetime
) -> Iterator[Finding]:
    """All of them, by path; None is what a token may not read."""
    if found is None:
        names = ", ".join(map(name_of, crons))
        message = f"the token may not read runs, so nobody knows when {names} last ran"
        yield warning(
            GROUP, "schedules", message, "in a workflow: 'permissions: {actions: read}'; of an App: Actions, read"
        )
    for facts in found or ():
        yield judge(facts, crons[facts.path], now=now)


def patience(cron: str) -> timedelta:
    """How old the last run of a cron expression may be: coarsely, by the largest unit that it leaves open."""
    minute, hour, day, _, weekday = [*cron.split(), *"*****"][:5]
    if not minute.isdecimal() or not hour.isdecimal():
        return DAILY if hour.isdecimal() or "-" in hour else HOURLY
    if day != "*":
        return MONTHLY
    return DAILY if weekday == "*" else WEEKLY


def words(age: timedelta) -> str:
    """Minutes, hours or days, whichever tells most."""
    minutes = max(0, int(age.total_seconds() // 60))
    for size, unit in ((48 * 60, "day"), (120, "hour")):
        if minutes >= size:
            count = minutes // (24 * 60 if unit == "day" else 60)
            return f"{count} {unit}s"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
