"""A workflow run on this machine by act, without containers, and what became of its jobs and steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 500.0
# What a runner's machine does not have: an identity for git, Python's settings, switches of ours, the tests' own.
OURS = ("GIT_", "PYTHON", "VIRTUAL_ENV", "MLOPS_CI_", "MLFLOW_", "PYTEST_", "GITHUB_", "CI")
EXIT = re.compile(r"exit status (\d+)")


@dataclass(kw_only=True)
class Step:
    """A step of a workflow, not one inside an action. `exit` is that of what failed in it, 0 where nothing did."""

    job: str
    name: str
    result: str = ""
    exit: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What act did. `jobs` is job → success, failure or nothing where it was skipped."""

    exit: int
    seconds: float
    jobs: Mapping[str, str]
    steps: Sequence[Step]
    annotations: Sequence[Mapping[str, str]]
    summaries: Sequence[str]
    text: str

    def step(self, job: str, name: str) -> Step:
        """The one step of a job with this id, or whose action has this name."""
        found = [step for step in self.steps if step.job == job and name in step.name]
        assert len(found) == 1, (
            f"{len(found)} steps {name!r} in {job!r}; there are {[step.name for step in self.steps]}"
        )
        return found[0]


@dataclass(frozen=True, kw_only=True)
class Act:
    """The runner. `cache` holds its workspaces and the environment of our actions, which is made once.

    `actions` is `owner/name@ref` → the folder that stands for it; an action that is not there fails its job, because
    nothing is fetched.
    """

    program: Path
    cache: Path
    actions: Mapping[str, Path]

    def run(
        self,
        event: str,
        payload: Mapping[str, Any],
        workflow: str,
        *,
        checkout: Path,
        environ: Mapping[str, str],
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a workflow file of `checkout`, whose HEAD is the commit of the event and whose origin names it."""
        told = checkout.with_name(f"{checkout.name}-event.json")
        told.write_text(json.dumps(payload), "utf-8")
        words = [str(self.program), event, "-e", str(told), "-W", workflow, "-P", "ubuntu-latest=-self-hosted"]
        words += ["--json", "--strict", "--no-skip-checkout", "--action-offline-mode", "--no-cache-server"]
        words += ["--action-cache-path", str(self.cache)]
        words += _given("--local-repository", {name: str(path) for name, path in self.actions.items()})
        words += [*_given("-s", secrets), *_given("--var", variables), *_given("--env", environ)]
        begun = time.monotonic()
        machine = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        done = subprocess.run(
            words,
            cwd=checkout,
            env={**machine, "PATH": environ.get("PATH", os.environ["PATH"])},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return _read(done, time.monotonic() - begun)


def _given(option: str, values: Mapping[str, str] | None) -> Iterator[str]:
    for name, value in (values or {}).items():
        yield from (option, f"{name}={value}")


def _read(done: subprocess.CompletedProcess[str], seconds: float) -> Run:
    steps: dict[tuple[str, str], Step] = {}
    jobs: dict[str, str] = {}
    annotations, summaries = [], []
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if "jobResult" in said:
            jobs[said["jobID"]] = said["jobResult"]
        if said.get("command") in ("error", "warning", "notice"):
            annotations.append({"level": said["command"], "message": said["arg"], **(said.get("kvPairs") or {})})
        if said.get("stage") == "Main":
            _of_step(said, steps)
            if said.get("command") == "summary" and len(said["stepID"]) == 1:
                summaries.append(said["content"])
    text = done.stdout + done.stderr
    assert jobs or not done.returncode, f"no job has run:\n{text}"
    return Run(
        exit=done.returncode,
        seconds=seconds,
        jobs=jobs,
        steps=list(steps.values()),
        annotations=annotations,
        summaries=summaries,
        text=text,
    )


def _of_step(said: Mapping[str, Any], steps: dict[tuple[str, str], Step]) -> None:
    number, *inner = said["stepID"]
    name = said["step"] if number.isdigit() else number
    step = steps.setdefault((said["job"], number), Step(job=said["jobID"], name=name))
    if said.get("raw_output"):
        step.log += said["msg"]
    if (found := EXIT.fullmatch(said["msg"])) is not None:
        step.exit = int(found[1])
    if inner:
        return
    step.result = said.get("stepResult", step.result)
    if said.get("command") == "set-output":
        step.outputs[said["name"]] = said["arg"]
