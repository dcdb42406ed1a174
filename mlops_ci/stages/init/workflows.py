"""The workflows that are copied into a repository: pinned, on its own default branch, with a base to merge against.

The base is the text as it was written, kept under `.github/mlops-ci/` in the user's own git: the third side of a
three-way merge has to be there years later, in a shallow clone, and without a network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from mlops_ci.config.types import Model
from mlops_ci.errors import RepositoryError
from mlops_ci.records.setting_up import Draft
from mlops_ci.stages.init.pipeline import scalar

FOLDER = ".github/workflows"
BASES = ".github/mlops-ci"
OURS = "mlops-ci/mlops-ci"
USES = re.compile(r"(?P<head>\buses:[ ]*)(?P<name>[\w.-]+/[\w./-]+)@(?P<ref>[^\s#]+)(?P<note>[ ]*#[^\n]*)?")
HEADER = re.compile(rb"# What mlops-ci init wrote[^\n]*\n# version (?P<version>\S+) sha256 (?P<digest>[0-9a-f]{64})\n")
# What some workflows are for; without it they would only cost runs.
NEEDS = {"promote": "promotion", "reconcile": "servers", "drift": "drift"}
SHA = re.compile(r"[0-9a-f]{40}")


def rendered(template: str, *, pin: str, version: str, default_branch: str) -> str:
    """A template for one repository: our actions at `pin` ('' leaves the template's tag), its own default branch."""

    def pinned(found: re.Match[str]) -> str:
        if not found["name"].startswith(OURS) or not pin:
            return found[0]
        note = f" # {version}" if SHA.fullmatch(pin) else ""
        return f"{found['head']}{found['name']}@{pin}{note}"

    text = USES.sub(pinned, template)
    branch = scalar(default_branch or "main")
    return re.sub(r"(\bbranches:[ ]*)\[main\]", lambda found: f"{found[1]}[{branch}]", text)


def purposes(models: Iterable[Model]) -> frozenset[str]:
    """What there is for workflows to do: a next environment, servers that outlive the runner, data to watch."""
    known = tuple(models)
    has = {
        "promotion": any(len(model.environments) > 1 for model in known),
        "servers": any(place.target != "local" for model in known for place in model.environments),
        "drift": any(model.drift.current for model in known),
    }
    return frozenset(name for name, there in has.items() if there)


def wanted(templates: Mapping[str, str], has: Collection[str]) -> dict[str, str]:
    """The templates that have something to do where a repository has these (`promotion`, `servers`, `drift`)."""
    return {name: text for name, text in templates.items() if NEEDS.get(name.partition(".")[0], "") in ("", *has)}


def is_ours(text: str) -> bool:
    """Whether a workflow calls our actions."""
    return any(found["name"].startswith(OURS) for found in USES.finditer(text))


def pin_of(existing: Mapping[str, str]) -> str:
    """The commit that a repository's workflows pin our actions to; '' where they name a tag, or none."""
    found = (use for text in existing.values() for use in USES.finditer(text) if use["name"].startswith(OURS))
    return next((use["ref"] for use in found if SHA.fullmatch(use["ref"])), "")


def place(name: str, existing: Mapping[str, str]) -> str:
    """Where a template goes: under its own name, or, where that is taken by something else, as `models-…`.

    `existing` holds the workflows of the repository by path.
    """
    own = f"{FOLDER}/{name}"
    other = f"{FOLDER}/models-{name}"
    taken = own in existing and base_of(own) not in existing and not is_ours(existing[own])
    return other if other in existing or taken else own


def base_of(path: str) -> str:
    """Where the base of a workflow is kept."""
    return f"{BASES}/{path.rpartition('/')[2]}"


def base_text(text: str, *, version: str) -> str:
    """The base with what says whether it is still what was written."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    note = "# What mlops-ci init wrote; 'mlops-ci init --upgrade' merges against it. Do not edit."
    return f"{note}\n# version {version} sha256 {digest}\n{text}"


def read_base(path: str, content: bytes) -> tuple[str, str]:
    """(version, text) of a base. Raises RepositoryError where it is not what was written."""
    head = HEADER.match(content)
    body = content[head.end() :] if head else b""
    if head is None or hashlib.sha256(body).hexdigest() != head["digest"].decode():
        raise RepositoryError(
            "this is not what mlops-ci init wrote, so nothing can be merged against it",
            where=path,
            hint=f"git log -- {path} shows who changed it; git checkout COMMIT -- {path} brings it back",
            docs="get-started-github.md#newer-workflows",
        )
    return head["version"].decode(), body.decode("utf-8")


def body(base: str) -> str:
    """A base without what is said about it."""
    return HEADER.sub(b"", base.encode("utf-8"), count=1).decode("utf-8")


def drafts(text: str, path: str, *, version: str) -> tuple[Draft, Draft]:
    """The workflow and its base, as new files."""
    return Draft(path=path, text=text), Draft(path=base_of(path), text=base_text(text, version=version))
