"""From models and workflows to the files of a repository: what is new, what is there, and what differs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.digests.sources import Project
from mlops_ci.records.setting_up import Draft, Entry, Setup
from mlops_ci.stages.init import workflows
from mlops_ci.stages.init.config import config_text

CONFIG = "mlops.yaml"
IGNORE = ".gitignore"
WORK = ".mlops/"
OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
OWNED = ("/mlops.yaml", "/releases/", "/.github/workflows/")
# What `dvc init` writes.
DVC = {
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvc/config": "# 'dvc remote add -d NAME URL' says here where data and models are kept for other machines.\n",
    ".dvcignore": "# Patterns of files that DVC shall not see, as in .gitignore.\n",
}
Read = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Place:
    """The repository to be set up. `revision` is that of mlops-ci which the editor's schema is of; `owner` approves
    releases, '' where nobody was named."""

    default_branch: str
    revision: str
    version: str
    owner: str = ""


def setup_of(
    entries: Sequence[Entry],
    flows: Mapping[str, str],
    *,
    project: Project,
    place: Place,
    read: Read,
    existing: Mapping[str, str],
    suites: Mapping[str, str],
) -> Setup:
    """Everything that is to be written, mlops.yaml last: what was interrupted before it is begun anew.

    `flows` are the rendered workflows by name, `existing` those of the repository, and their bases, by path; `suites`
    the first suites by path. `read` gives a file's text, None where there is none. Without entries, mlops.yaml is
    there already.
    """
    wanted = [*_pipelines(entries, project), *(Draft(path=path, text=text) for path, text in suites.items())]
    wanted += _ownership(place.owner, read)
    if entries:
        text = config_text(entries, revision=place.revision, default_branch=place.default_branch)
        wanted.append(Draft(path=CONFIG, text=text))
    drafts, present, differing = sort_out(wanted, read)
    written, there, other = _workflows(flows, existing, place.version)
    lines = _ignored(entries, read(IGNORE))
    return Setup(
        drafts=(*written, *lines, *drafts),
        present=(*present, *there),
        differing={**differing, **other},
    )


def _pipelines(entries: Iterable[Entry], project: Project) -> Iterator[Draft]:
    """The dvc.yaml of scripts that have none, and DVC itself where it was never set up."""
    for entry in entries:
        path = posixpath.join(entry.folder, "dvc.yaml")
        if entry.pipeline.text:
            yield Draft(path=path, text=entry.pipeline.text)
    folders = [entry.folder for entry in entries]
    if folders and not all(_has_dvc(project, folder) for folder in folders):
        yield from (Draft(path=path, text=text) for path, text in DVC.items())


def _has_dvc(project: Project, folder: str) -> bool:
    return project.dvc_root(posixpath.join(folder, "dvc.yaml")) in project.dvc_roots


def _ownership(owner: str, read: Read) -> Iterator[Draft]:
    """Who has to approve what decides about releases."""
    if owner and all(read(path) is None for path in OWNERS):
        head = "# Who approves what decides about models: the rules, what is released, and what runs.\n"
        yield Draft(path=OWNERS[0], text=head + owners_lines(owner))


def owners_lines(owner: str) -> str:
    """The lines of CODEOWNERS."""
    return "".join(f"{path} {owner}\n" for path in OWNED)


def sort_out(wanted: Iterable[Draft], read: Read) -> tuple[list[Draft], list[str], dict[str, str]]:
    """New ones, those that are there as they should be, and those that differ: they are left as they are."""
    drafts: list[Draft] = []
    present: list[str] = []
    differing: dict[str, str] = {}
    for draft in wanted:
        there = read(draft.path)
        if there is None:
            drafts.append(draft)
        elif there == draft.text:
            present.append(draft.path)
        else:
            differing[draft.path] = "it is there, and was left as it is"
    return drafts, present, differing


def _workflows(
    flows: Mapping[str, str], existing: Mapping[str, str], version: str
) -> tuple[list[Draft], list[str], dict[str, str]]:
    drafts: list[Draft] = []
    present: list[str] = []
    differing: dict[str, str] = {}
    for name, text in flows.items():
        path = workflows.place(name, existing)
        flow, base = workflows.drafts(text, path, version=version)
        if path not in existing:
            drafts += [flow, *([base] if base.path not in existing else [])]
        elif existing[path] == text and base.path not in existing:
            drafts.append(base)
        elif base.path not in existing:
            differing[path] = (
                "it calls mlops-ci and was not written by init: 'mlops-ci init --upgrade' shows how it differs"
            )
        elif workflows.body(existing[base.path]) == text:
            present.append(path)
        else:
            differing[path] = "it was made from another version: 'mlops-ci init --upgrade' merges"
    return drafts, present, differing


def _ignored(entries: Iterable[Entry], text: str | None) -> list[Draft]:
    """The lines that .gitignore lacks: our own folder, and what a new pipeline writes."""
    outs = [
        f"/{posixpath.join(entry.folder, out)}"
        for entry in entries
        if entry.pipeline.text
        for out in entry.pipeline.outs
    ]
    known = {line.strip().strip("/") for line in (text or "").splitlines()}
    missing = [line for line in (WORK, *outs) if line.strip("/") not in known]
    if not missing:
        return []
    before = text or ""
    gap = "" if before.endswith("\n") or not before else "\n"
    return [Draft(path=IGNORE, text=before + gap + "".join(f"{line}\n" for line in missing), kind="lines", before=text)]
