"""Check runs at GitHub, and commit statuses where a token can't make check runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github import checks_together, patience
from mlops_ci.backends.github.api import LOOKS, Api
from mlops_ci.backends.github.budget import fit
from mlops_ci.backends.github.problems import Unsure
from mlops_ci.errors import BackendError
from mlops_ci.io import clock
from mlops_ci.records.github import TokenKind
from mlops_ci.records.reviewing import Annotation, CheckRun, Conclusion, shown

BOT = "[bot]"
GREEN = (Conclusion.SUCCESS, Conclusion.NEUTRAL, Conclusion.SKIPPED)
LONGEST_DESCRIPTION = 140
LONGEST_TITLE = 255
LONGEST_MESSAGE = 4_000
Listed = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Checks:
    """GitHub adds the annotations of a changed check run to those it had, so none is ever changed: the newest run of a
    name is the one it shows. `external_id` names what one says, and so whether it is there already."""

    api: Api

    def show(self, runs: Sequence[CheckRun]) -> list[str | BackendError]:
        """Personal tokens may not make check runs: theirs are commit statuses of the same names.

        What a commit has is listed once for all of its checks, and what it lacks is made in one request where that is
        more than one check run; whatever that left out is made by itself.
        """
        if not runs:
            return []
        if self.api.access.kind is TokenKind.PERSONAL:
            there = self._statuses(runs[0].head)
            return [self._shown(run, there, self._status) for run in runs]
        there = self._together(runs, self._runs(runs[0].head, *(run.name for run in runs)))
        return [self._shown(run, there, self._run) for run in runs]

    def _together(self, runs: Sequence[CheckRun], there: Listed) -> Listed:
        """What is there once those that were not have been made. Where GitHub did not say of each that it was, it is
        looked up: GraphQL may have made what it then gave no answer about."""
        missing = [body for body in map(_body, runs) if _same(body, there) is None]
        if len(missing) < 2:
            return there
        looks = 1
        try:
            made = checks_together.create(self.api, missing)
            if len(made) == len(missing):
                names = {item["name"] for item in made}
                return [*made, *(item for item in there if item["name"] not in names)]
        except Unsure:
            looks = LOOKS
        for look in range(looks):
            clock.sleep(patience.backoff(look))
            there = self._runs(runs[0].head, *(run.name for run in runs))
            if all(_same(body, there) for body in missing):
                break
        return there

    def _shown(self, run: CheckRun, there: Listed, write: Callable[[CheckRun, Listed], str]) -> str | BackendError:
        try:
            return write(run, there)
        except BackendError as error:
            return error

    def _run(self, run: CheckRun, there: Listed) -> str:
        body = _body(run)
        found = _same(body, there)
        if found is None:
            found = self.api.make("check-runs", body, made=lambda: _same(body, self._runs(run.head, run.name)))
        return str(found["html_url"] or "")

    def _runs(self, head: str, *names: str) -> Listed:
        """Our own check runs of a commit; where one name is wanted, GitHub picks it out."""
        query = {"check_name": names[0]} if len(names) == 1 else {}
        found = self.api.pages(f"commits/{head}/check-runs", key="check_runs", filter="latest", **query)
        us = self.api.login.removesuffix(BOT)
        return [item for item in found if (item["app"] or {}).get("slug") == us]

    def _status(self, run: CheckRun, there: Listed) -> str:
        body = {
            "context": run.name,
            "state": "success" if run.conclusion in GREEN else "failure",
            "description": _cut(run.title, LONGEST_DESCRIPTION),
        }
        if run.url:
            body["target_url"] = run.url

        def same(listed: Listed) -> Mapping[str, Any] | None:
            latest: Mapping[str, Any] = next((item for item in listed if item["context"] == run.name), {})
            return latest if all(latest.get(key) == value for key, value in body.items()) else None

        if same(there) is None:
            self.api.make(f"statuses/{run.head}", body, made=lambda: same(self._statuses(run.head)))
        return run.url

    def _statuses(self, head: str) -> Listed:
        return self.api.pages(f"commits/{head}/statuses")


def _same(body: Mapping[str, Any], listed: Listed) -> Mapping[str, Any] | None:
    """The check run of this name that is shown, where it says the same."""
    named = [item for item in listed if item["name"] == body["name"]]
    latest: Mapping[str, Any] = max(named, key=lambda item: int(item.get("id", 0)), default={})
    return latest if latest.get("external_id") == body["external_id"] else None


def _body(run: CheckRun) -> dict[str, Any]:
    output: dict[str, Any] = {"title": _cut(run.title, LONGEST_TITLE), "summary": fit(run.summary)}
    if run.text:
        output["text"] = fit(run.text)
    if run.annotations:
        output["annotations"] = [_annotation(item) for item in shown(run.annotations)]
    body: dict[str, Any] = {
        "name": run.name,
        "head_sha": run.head,
        "status": "completed",
        "conclusion": run.conclusion.value,
        "output": output,
    }
    if run.url:
        body["details_url"] = run.url
    said: object = [run.name, run.conclusion.value, run.fingerprint] if run.fingerprint else body
    body["external_id"] = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return body


def _annotation(item: Annotation) -> dict[str, Any]:
    return {
        "path": item.path,
        "start_line": max(item.line, 1),
        "end_line": max(item.line, 1),
        "annotation_level": item.level.value,
        "title": _cut(item.title, LONGEST_TITLE),
        "message": _cut(item.message, LONGEST_MESSAGE) or "–",
    }


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
