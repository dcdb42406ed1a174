"""The clone, who owns its files, and the workflows in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mlops_ci.digests.ignore import regex
from mlops_ci.io.git import WHOLE_HISTORY
from mlops_ci.records.doctor import Finding, RepositoryFacts, WorkflowFacts
from mlops_ci.stages.doctor.findings import error, ok, warning
from mlops_ci.stages.init.prepare import OWNED

GROUP = "repository"
UPGRADE = "mlops-ci init --upgrade merges what changed, and shows it first with --dry-run"
# A path in each of the places that decide about models.
SAMPLES = {path: path.strip("/") + ("/any/file.yml" if path.endswith("/") else "") for path in OWNED}


def judge_clone(facts: RepositoryFacts) -> Iterator[Finding]:
    """Its history, and the branch that pull requests go to."""
    if not facts.commits:
        yield error(GROUP, "history", "there is no commit yet", "git add -A && git commit -m 'Start'")
        return
    if facts.shallow:
        message = "this clone is shallow: what to compare with, and what was released, is not in it"
        yield error(GROUP, "history", message, WHOLE_HISTORY)
    else:
        yield ok(GROUP, "history", f"whole, on {facts.branch or 'a detached commit'}")
    if facts.default_branch:
        yield ok(GROUP, "default branch", facts.default_branch)
    else:
        cure = "git fetch origin, or name it in mlops.yaml (default_branch:)"
        yield error(GROUP, "default branch", "none was found, so there is nothing to compare with", cure)


def judge_owners(path: str, text: str) -> Finding:
    """Whether somebody has to approve what decides about models; `path` is that of CODEOWNERS, '' for none."""
    if not path:
        cure = "mlops-ci init --owner @you/team writes one; then require reviews from code owners"
        return warning(GROUP, "CODEOWNERS", f"there is none: anybody may approve {', '.join(OWNED)}", cure)
    lacking = [one for one in OWNED if not owner_of(text, SAMPLES[one])]
    if lacking:
        cure = f"add a line for each to {path}, e.g. '{lacking[0]} @you/team'"
        return warning(GROUP, "CODEOWNERS", f"{path} names nobody for {', '.join(lacking)}", cure)
    return ok(GROUP, "CODEOWNERS", f"{path} names who approves {', '.join(OWNED)}")


def owner_of(text: str, path: str) -> str:
    """Who owns a file, by GitHub's rules: the last pattern that matches it decides. '' for nobody."""
    found = ""
    for line in text.splitlines():
        words = re.split(r"(?<!\\)\s+", re.sub(r"(?:^|\s)#.*", "", line).strip())
        if words[0] and _matches(words[0], path):
            found = " ".join(words[1:])
    return found


def _matches(pattern: str, path: str) -> bool:
    """A pattern matches a file, or a folder that it is in; `docs/*` does not match what is deeper."""
    body = pattern.strip("/")
    expression = re.compile(regex(body) if "/" in pattern.rstrip("/") else rf"(?:.*/)?{regex(body)}")
    if expression.fullmatch(path) and not pattern.endswith("/"):
        return True
    if pattern.endswith("/*") and "**" not in pattern:
        return False
    words = path.split("/")
    return any(expression.fullmatch("/".join(words[:count])) for count in range(1, len(words)))


def judge_workflows(facts: WorkflowFacts) -> Iterator[Finding]:
    """Whether they are those of this version."""
    if not facts.ours:
        yield warning(GROUP, "workflows", "no workflow here calls mlops-ci", "mlops-ci init brings them")
    if facts.older:
        note = f"; in {_names(facts.edited)} you changed the same lines" if facts.edited else ""
        message = f"{_names(facts.older)}: made from another version's templates{note}"
        yield warning(GROUP, "workflows", message, UPGRADE)
    if facts.baseless:
        message = f"{_names(facts.baseless)}: not written by 'init', so nothing merges newer versions into them"
        yield warning(GROUP, "workflows", message, "mlops-ci init --upgrade shows how they differ from the templates")
    if facts.current:
        yield ok(GROUP, "workflows", f"{_names(facts.current)}: as this version's templates are")


def _names(paths: Iterable[str]) -> str:
    return ", ".join(map(name_of, paths))


def name_of(path: str) -> str:
    """A workflow's file name."""
    return path.rpartition("/")[2]
