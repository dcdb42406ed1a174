"""Probes of the repository at GitHub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from mlops_ci.cli import installed, wiring
from mlops_ci.cli.ground import Ground
from mlops_ci.cli.probes_here import crons
from mlops_ci.errors import MlopsError
from mlops_ci.io import clock
from mlops_ci.records.doctor import Finding
from mlops_ci.records.github import Access
from mlops_ci.stages.doctor import access, protection, schedules
from mlops_ci.stages.doctor.examine import Probe
from mlops_ci.stages.doctor.findings import warning

if TYPE_CHECKING:
    from mlops_ci.backends.github.survey import Survey

Reach = Callable[[], "Survey"]


def probes(ground: Ground) -> Iterator[Probe]:
    """One each for token, rules and schedules; without a token, that there is none."""
    if ground.access is None:
        if ground.on_github or ground.refused:
            yield Probe(group=access.GROUP, name="token", look=partial(_no_token, ground))
        return
    reach = _once(ground.access)
    yield Probe(group=access.GROUP, name="token", look=partial(_token, reach, ground.opens), online=True)
    if branch := _branch(ground):
        yield Probe(group=access.GROUP, name="rules", look=partial(_rules, reach, branch), online=True)
    if times := crons(ground.flows) if ground.flows else {}:
        yield Probe(group=access.GROUP, name="schedules", look=partial(_schedules, reach, times), online=True)


def _once(found: Access) -> Reach:
    """One session for all of them, so that an App asks for one token."""
    return lru_cache(maxsize=1)(partial(wiring.survey, found))


def _branch(ground: Ground) -> str:
    try:
        return ground.git.default_branch(ground.config.default_branch if ground.config else "") if ground.git else ""
    except MlopsError:
        return ""


def _token(reach: Reach, opens: bool) -> Iterator[Finding]:
    return access.judge(reach().access(), opens=opens, now=clock.now())


def _rules(reach: Reach, branch: str) -> Iterator[Finding]:
    return protection.judge(reach().rules(branch))


def _schedules(reach: Reach, times: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    return schedules.judge_all(reach().schedules(tuple(times)), times, now=clock.now())


def _no_token(ground: Ground) -> Iterator[Finding]:
    if ground.refused is not None:
        raise ground.refused
    name = installed.github_name(ground.git.origin_url(), ground.git.root) if ground.git else "OWNER/NAME"
    message = "there is none here, so permissions, rules and schedules were not looked at"
    cure = f"GITHUB_REPOSITORY={name} GH_TOKEN=$(gh auth token) mlops-ci doctor"
    yield warning(access.GROUP, "token", message, cure)
