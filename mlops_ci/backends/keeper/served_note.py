"""`serving.json` of an environment: what serves and since when, on which port, as of which commit, and which model was
taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.client import read, whole
from mlops_ci.backends.keeper.kept_releases import release_of
from mlops_ci.errors import StaleError
from mlops_ci.io import files
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.records.codec import encode

STAYS = ("port", "sequence", "refused")  # what is known of an environment where nothing serves


def noted(folder: Path) -> dict[str, Any]:
    """What is noted, {} where nothing is."""
    return read(folder / "serving.json")


def note(folder: Path, job: DeployJob, *, since: str, port: int) -> None:
    """The job's release serves."""
    serving = {"release": encode(job.release), "since": since, "port": port, "sequence": job.sequence}
    files.write_json(folder / "serving.json", {**serving, "refused": refused(job, noted(folder))})


def note_removal(folder: Path, environment: str, *, sequence: int) -> None:
    """What serves is about to be removed, as of a commit; where nothing does, none older shall bring it. Raises
    StaleError for an older one than what serves."""
    files.write_json(folder / "serving.json", removed_by(sequence, environment, noted(folder)))


def note_nothing(folder: Path) -> None:
    """Nothing serves; what is to stay known stays."""
    if before := noted(folder):
        files.write_json(folder / "serving.json", {key: before[key] for key in STAYS if key in before})


def refuse(job: DeployJob, before: Mapping[str, Any]) -> None:
    """Raises StaleError for what is older than what serves or was removed, and for what was taken back."""
    refuse_older(job.sequence, job.environment, before)
    digest = job.release.model_digest
    if not job.refuse and before.get("refused") == digest:
        raise StaleError(
            f"model {digest[:12]} was taken back here",
            hint="merge its pull request, or 'mlops-ci rollback --to VERSION --now' serves it again",
            docs="rollback.md",
        )


def refuse_older(sequence: int, environment: str, before: Mapping[str, Any]) -> None:
    """Raises StaleError for a commit older than the one that brought what serves, or removed what served."""
    if sequence >= whole(before, "sequence"):
        return
    serves = f"a later commit's release serves in {environment} already"
    removed = f"a later commit's run removed what served in {environment}"
    hint = "nothing was changed; 'mlops-ci status' shows what serves"
    raise StaleError(serves if "release" in before else removed, hint=hint)


def removed_by(sequence: int, environment: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be noted before a commit's run removes what serves: whoever is killed halfway leaves the rest to
    that commit or a later one. Raises StaleError for an older commit than that of what serves."""
    if "release" in before:
        refuse_older(sequence, environment, before)
    return {**before, "sequence": max(sequence, whole(before, "sequence"))}


def refused(job: DeployJob, before: Mapping[str, Any]) -> str:
    """The digest of the model that is not to come back by itself. Another one that is deployed ends that, and so does
    a later commit that wants what serves: by then what was taken back is taken back in git."""
    serves = release_of(before.get("release"))
    same = serves is not None and serves.model_digest == job.release.model_digest
    same = same and job.sequence <= whole(before, "sequence")
    found = job.refuse or (str(before.get("refused", "")) if same else "")
    return found if found != job.release.model_digest else ""
