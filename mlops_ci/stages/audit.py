"""What served on a date, from which data, code and run, approved by whom: from git and the registry alone.

Two sources are heard, and neither is believed alone: git says what should have served, the journal of the registry's
alias what did. What neither can know is unknown, and said to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mlops_ci.config.types import Config
from mlops_ci.digests.sources import is_data
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io.git_mainline import Grown
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.audit import Audited, Claim, Facts, Known, Move
from mlops_ci.records.models import Release, Version
from mlops_ci.stages.alias_then import alias_then
from mlops_ci.stages.approvals import approved
from mlops_ci.stages.past import Past


@dataclass(frozen=True, kw_only=True)
class Place:
    """A model in an environment; `first` says that it follows the default branch and has no release file."""

    model: str
    environment: str
    first: bool


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """All that the registry says of a model; `down` is why it says nothing."""

    moves: Sequence[Move] = ()
    aliases: Mapping[str, str] | None = None
    versions: Sequence[Version] = ()
    down: str = ""

    def version(self, digest: str) -> Version | None:
        return next((version for version in self.versions if version.model_digest == digest), None)


def places(past: Past | str, config: Config, moment: datetime) -> tuple[Place, ...]:
    """Every environment of every model that the config then, a release file then, or the config of today names."""
    then, files = config, []
    if isinstance(past, Past):
        tip = past.line.tips(moment)[0]
        then, files = past.config_at(tip), sorted(past.files(tip))
    found = {(item.model, item.environment): item for item in (*_places(config), *_places(then))}
    for model, environment in files:
        found.setdefault((model, environment), Place(model=model, environment=environment, first=False))
    return tuple(found.values())


def _places(config: Config) -> Iterator[Place]:
    for model in config.models.values():
        for index, environment in enumerate(model.environments):
            yield Place(model=model.name, environment=environment.name, first=index == 0)


def recorded(model: str, registry: Registry) -> Recorded:
    """Ask the registry once for all of a model."""
    try:
        moves, aliases = registry.journal(model)
        return Recorded(moves=moves, aliases=aliases, versions=registry.versions(model))
    except BackendError as error:
        return Recorded(down=error.message)


def audit(place: Place, known: Recorded, moment: datetime, *, past: Past | str) -> Audited:
    """What served in one place. `past` is why git can't be asked, where it can't."""
    served = _served(place, known, moment)
    wanted = _wanted(place, known, moment, past)
    row = Audited(
        model=place.model,
        environment=place.environment,
        at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        wanted=wanted,
        served=served,
        notes=tuple(_notes(wanted, served)),
    )
    if row.answer.known is not Known.RELEASE:
        return row
    digest = row.answer.model_digest
    brought = _brought(place, known, digest, moment, past)
    facts = _facts(known.version(digest), _named(place, digest, brought, past))
    if isinstance(past, Past) and past.forgot(facts.commit or ""):
        return _rewritten(row, facts, past.branch)
    version = known.version(digest)
    landing = past.landing(brought) if isinstance(past, Past) and brought is not None else None
    if landing is not None and landing.approved is None and version is not None:
        landing = replace(landing, approved=approved(version.tags, place.environment, landing.commit))
    gone = () if known.down or version else ("the registry has no version of this model any more",)
    return replace(row, landing=landing, facts=facts, notes=(*row.notes, *gone))


def _served(place: Place, known: Recorded, moment: datetime) -> Claim:
    if known.aliases is None:
        return Claim(known=Known.UNKNOWN, why=known.down)
    moves = [move for move in known.moves if move.environment == place.environment]
    return alias_then(moves, known.aliases.get(place.environment, ""), moment)


def _wanted(place: Place, known: Recorded, moment: datetime, past: Past | str) -> Claim:
    if isinstance(past, str):
        return Claim(known=Known.UNKNOWN, why=past)
    if not place.first:
        return past.by_file(place.model, place.environment, moment)
    return past.by_inputs(place.model, moment, known.versions, down=known.down)


def _notes(wanted: Claim, served: Claim) -> Iterator[str]:
    """Where the two do not say the same."""
    if Known.UNKNOWN in (wanted.known, served.known) or wanted.model_digest == served.model_digest:
        return
    if wanted.known is Known.NOTHING:
        yield "git wanted nothing there any more; the journal does not tell when a server was stopped"
        return
    later = f"; the alias moved on at {served.until}" if served.until else ""
    yield f"git wanted version {wanted.version}, which was not what served{later}"


def _brought(place: Place, known: Recorded, digest: str, moment: datetime, past: Past | str) -> Grown | None:
    if isinstance(past, str):
        return None
    if not place.first:
        return past.brought_file(place.model, place.environment, digest, moment)
    version = known.version(digest)
    return past.brought_inputs(place.model, version.inputs_digest, moment) if version else None


def _named(place: Place, digest: str, brought: Grown | None, past: Past | str) -> Release | None:
    """The release that git named: it answers where the registry does not."""
    if isinstance(past, str) or brought is None or place.first:
        return None
    try:
        return past.release(brought.sha, place.model, place.environment)
    except ConfigError:
        return None


def _facts(version: Version | None, named: Release | None) -> Facts:
    if version is None:
        if named is None:
            return Facts()
        return Facts(
            run_id=named.run_id,
            commit=named.commit or None,
            inputs_digest=named.inputs_digest,
            verdict=named.verdict or None,
        )
    tags = {key: value or None for key, value in version.tags.items()}
    return Facts(
        run_id=version.run_id,
        commit=tags.get("commit"),
        inputs_digest=version.inputs_digest,
        verdict=tags.get("verdict"),
        judgement=tags.get("judgement"),
        holdout=tags.get("holdout"),
        data=_data(version.tags.get("data", "")),
    )


def _data(text: str) -> Mapping[str, str] | None:
    """The data among all that a version was made of: code is told by its commit."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {str(path): str(name) for path, name in found.items() if is_data(str(path), str(name))}


def _rewritten(row: Audited, facts: Facts, branch: str) -> Audited:
    """The branch of today is not the one that was released from: what it says of then is worth nothing."""
    why = (
        f"{branch} does not have commit {(facts.commit or '')[:12]} that this was released from: "
        "it was rewritten since, or is not fetched"
    )
    return replace(row, wanted=Claim(known=Known.UNKNOWN, why=why), facts=facts, notes=())
