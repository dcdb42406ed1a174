"""The releases that an environment keeps on this machine, with all it takes to serve them again.

Each lies in `kept/<model digest>/`: `smoke.json` where rows were recorded, `release.json`, which says besides the
release in which turn it served last, and what its target keeps with it (kept_model.py), which is checked each time.
`smoke.json` is not: it is what one may edit to see a smoke fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.backends.keeper.client import read, whole
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.io import files
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Release

KEPT = 5


class Contents(Protocol):
    """What a target keeps with each release besides its smoke rows."""

    def bring(self, job: DeployJob, into: Path) -> Mapping[str, str]:
        """Put it into a folder, checked, and return what is to be noted of it. Raises BackendError."""

    def changed(self, place: Path, noted: Mapping[str, Any], digest: str) -> bool:
        """Whether it is no longer what was brought for the model with this digest."""

    def missing(self, place: Path) -> bool:
        """Whether something that it needs elsewhere is gone."""


@dataclass(frozen=True, kw_only=True)
class KeptReleases:
    """Those in `folder`/kept. Whoever changes them holds the environment's lock."""

    folder: Path
    contents: Contents

    def served(self) -> tuple[Release, ...]:
        """What has served, the latest first."""
        found = []
        for path in self._notes():
            noted = read(path)
            release = release_of(noted.get("release"))
            if release is not None and (turn := whole(noted, "served")):
                found.append((turn, release))
        return tuple(release for _, release in sorted(found, key=lambda item: item[0], reverse=True))

    def bring(self, job: DeployJob, say: Say) -> Path:
        """The release's folder, brought where it is not there whole. Until what was brought is, nothing is removed."""
        digest = job.release.model_digest
        place = self._place(digest)
        _put_back(place)
        noted = read(place / "release.json")
        known = release_of(noted.get("release"))
        changed = known is not None and self.contents.changed(place, noted, digest)
        if known is None or changed or known.run_id != job.release.run_id or self.contents.missing(place):
            again = f"the kept files of model {digest[:12]} were changed"
            say(f"{again}: bringing them anew" if changed else f"bringing model {digest[:12]}")
            try:
                self._bring(job, place, noted)
            except MlopsError as error:
                if not changed:
                    raise
                message = f"{again}, and they can't be brought anew: {error.message}"
                raise BackendError(message, hint=f"{error.hint}\nnothing was removed".strip()) from error
        return place

    def note(self, place: Path, release: Release) -> None:
        """The release serves now. Turns are counted, since a clock may go back."""
        turn = 1 + max(whole(read(path), "served") for path in self._notes())
        files.write_json(
            place / "release.json", {**read(place / "release.json"), "release": encode(release), "served": turn}
        )

    def prune(self, serving: Release) -> None:
        """Keep the latest that have served, and always the one that serves."""
        stays = {self._place(release.model_digest) for release in (serving, *self.served()[:KEPT])}
        for path in self._notes():
            if path.parent not in stays:
                shutil.rmtree(path.parent, ignore_errors=True)

    def _place(self, digest: str) -> Path:
        return self.folder / "kept" / digest[:32]

    def _notes(self) -> list[Path]:
        return list((self.folder / "kept").glob("[!.]*/release.json"))

    def _bring(self, job: DeployJob, place: Path, noted: Mapping[str, Any]) -> None:
        """Into a folder beside, checked, and only then in its place."""
        fresh = place.with_name(f".{place.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            extra = self.contents.bring(job, fresh)
            job.bring_rows(fresh)
            note = {"release": encode(job.release), **extra, "served": whole(noted, "served")}
            files.write_json(fresh / "release.json", note)
            if place.exists():
                place.rename(_aside(place))
            fresh.rename(place)
        except OSError as error:
            raise files.disk_error(error, fresh) from error
        finally:
            _put_back(place)
            shutil.rmtree(fresh, ignore_errors=True)


def release_of(document: Any) -> Release | None:
    """A release as it was noted, None where it can't be read."""
    try:
        return decode(Release, document) if document is not None else None
    except CodecError:
        return None


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _put_back(place: Path) -> None:
    """Whoever was killed, or failed, between putting the old aside and the new in its place left a gap."""
    if _aside(place).exists():
        if place.exists():
            shutil.rmtree(_aside(place), ignore_errors=True)
        else:
            _aside(place).rename(place)
