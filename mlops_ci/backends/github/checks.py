"""Check runs at GitHub, and commit statuses where a token can't make check runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.budget import fit
from mlops_ci.records.github import TokenKind
from mlops_ci.records.reviewing import Annotation, CheckRun, Conclusion, shown

BOT = "[bot]"
GREEN = (Conclusion.SUCCESS, Conclusion.NEUTRAL, Conclusion.SKIPPED)
LONGEST_DESCRIPTION = 140
LONGEST_TITLE = 255
LONGEST_MESSAGE = 4_000


@dataclass(frozen=True)
class Checks:
    """GitHub adds the annotations of a changed check run to those it had, so none is ever changed: the newest run of a
    name is the one it shows. `external_id` names what one says, and so whether it is there already."""

    api: Api

    def show(self, run: CheckRun) -> str:
        """Personal tokens may not make check runs: theirs is a commit status of the same name."""
        return self._status(run) if self.api.access.kind is TokenKind.PERSONAL else self._run(run)

    def _run(self, run: CheckRun) -> str:
        body = _body(run)
        found = self._there(run, body["external_id"])
        if found is None:
            found = self.api.make("check-runs", body, made=lambda: self._there(run, body["external_id"]))
        return str(found["html_url"] or "")

    def _there(self, run: CheckRun, name: str) -> Mapping[str, Any] | None:
        """The run of this name that is shown, where it is ours and says the same."""
        path = f"commits/{run.head}/check-runs"
        found = self.api.pages(path, key="check_runs", check_name=run.name, filter="latest")
        us = self.api.login.removesuffix(BOT)
        ours = [item for item in found if (item["app"] or {}).get("slug") == us]
        latest: Mapping[str, Any] = max(ours, key=lambda item: int(item["id"]), default={})
        return latest if latest.get("external_id") == name else None

    def _status(self, run: CheckRun) -> str:
        body = {
            "context": run.name,
            "state": "success" if run.conclusion in GREEN else "failure",
            "description": _cut(run.title, LONGEST_DESCRIPTION),
        }
        if run.url:
            body["target_url"] = run.url

        def there() -> Mapping[str, Any] | None:
            found = self.api.pages(f"commits/{run.head}/statuses")
            latest: Mapping[str, Any] = next((item for item in found if item["context"] == run.name), {})
            return latest if all(latest.get(key) == value for key, value in body.items()) else None

        if there() is None:
            self.api.make(f"statuses/{run.head}", body, made=there)
        return run.url


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
