"""Candidates, versions and releases: what a model is once it has a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.records.results import Verdict


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was decided about a candidate, and on what: the digest covers gates, metrics, slices and holdout.

    `champions` maps every environment that was compared with to its champion's model digest, '' where it had none;
    `champion` is that of the first.
    """

    verdict: Verdict
    passed: bool
    digest: str
    holdout: str
    champion: str = ""
    champions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained model. Digests are lower-case sha256 hex; `data` maps a data path to its content hash."""

    model: str
    inputs_digest: str
    model_digest: str
    run_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    judgement: Judgement | None = None


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered model version; `number` is a string on every store; `tags` are the registry's own."""

    model: str
    number: str
    run_id: str
    model_digest: str
    inputs_digest: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Release:
    """What is copied verbatim from environment to environment.

    `version` and `run_id` are the registry's and the tracker's names. `commit` and `verdict` are copies that answer
    *from which code, and judged how* where both are down: a rollback must not need them. `serving` is what a target
    wants to know besides. Who approved stands in git, in the commit that brought the release.

    `image` is the name of the image it was built into, without a tag; with `image_digest`, of its manifest, it names
    the bytes. `storage_uri` is where a server fetches the model itself, of a release without an image.
    """

    model: str
    version: str
    model_digest: str
    inputs_digest: str
    run_id: str
    image: str = ""
    image_digest: str = ""
    storage_uri: str = ""
    commit: str = ""
    verdict: str = ""
    serving: Mapping[str, str] = field(default_factory=dict)

    @property
    def image_reference(self) -> str:
        """`name@sha256:…`, '' where there is no image."""
        return f"{self.image}@{self.image_digest}" if self.image_digest else ""
