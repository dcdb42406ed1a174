"""Pack a registered version for serving: into an image that is named by its digest, or, without Docker, as a note of
where the model lies. A version says it once, and for good: what is changed in `build:` counts from the next one on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.errors import ConfigError, GateFailed
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.building import Builder, BuildJob, Built, Described
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import ServableModel, ServerTrial
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.building import BuildDetails, Image
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release, Version
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.deploy import release_of
from mlops_ci.stages.scoring import Home, environment_of
from mlops_ci.stages.server_settings import server_settings
from mlops_ci.stages.stored import MODEL, bring_model, described

STAGE = "build"
SBOM = "sbom.json"
FETCH = "KServe's storage initializer fetches the model from"
FETCHED = ("s3://", "gs://", "https://", "http://", "hf://", "pvc://", "webhdfs://", "hdfs://")


@dataclass(frozen=True, kw_only=True)
class Yard(Home):
    """What building needs from outside. `requirements` and `server_code` are the model server's, and `trial` asks it
    about a model's files; `source` is the repository's URL, '' where it has none."""

    registry: Registry
    builder: Builder
    workspace: Workspace
    requirements: Sequence[str]
    server_code: Callable[[Path], object]
    trial: ServerTrial
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `apply` will do. `found` is an image of this model that is in its registry though its version does not name
    it: a run was killed in between. `storage_uri` is set where nothing is built."""

    model: Model
    version: Version
    found: Image | None = None
    storage_uri: str = ""

    @property
    def step(self) -> Step:
        """The plan in words."""
        number, tags = self.version.number, self.version.tags
        if tags.get("image_digest"):
            return self._step(Action.DONE, f"version {number} is {_packed(tags)}")
        if tags.get("storage_uri"):
            return self._step(Action.DONE, f"version {number} has no image: {FETCH} {_packed(tags)}")
        if self.storage_uri:
            return self._step(Action.DO, f"build nothing (mode: none): {FETCH} {self.storage_uri}")
        if self.found is not None:
            return self._step(Action.DO, f"take {self.found.reference}, which has this model, for version {number}")
        image, base = self.model.build["image"], base_of(self.model)
        return self._step(Action.DO, f"build version {number} into {image} upon {base}, and push it")

    def _step(self, action: Action, what: str) -> Step:
        return Step(model=self.model.name, stage=STAGE, action=action, what=what)


def wanted(model: Model) -> bool:
    """Whether the config asks for more than the model's own files."""
    return bool(model.build.get("image")) or model.build.get("mode") == "none"


def packed(release: Release) -> bool:
    """Whether a release names its image, or where its model is fetched from."""
    return bool(release.image_digest or release.storage_uri)


def base_of(model: Model) -> str:
    """The base image."""
    return str(model.build.get("base") or "python:3.11-slim")


def require_files(model: Model, environment: Collection[str], *, where: str) -> None:
    """Raises ConfigError where an image is asked for and no file says what is to be installed into it."""
    if model.build.get("image") and model.build.get("mode") != "none" and not environment:
        raise ConfigError(
            "an image needs its packages described in a file, and train.environment names a Python",
            where=where,
            hint="name a requirements file, pyproject.toml or uv.lock in train.environment",
            docs="build.md#requirements",
        )


def plan(model: Model, version: Version, yard: Yard) -> Plan:
    """What packing this version takes. Nobody but the registry of versions is asked about one that is packed.

    Raises ConfigError where KServe could not fetch the model, BackendError where Docker, or the registry of images,
    does not answer; StaleError where another model's image lies under its tag.
    """
    if _packed(version.tags):
        return Plan(model=model, version=version)
    if model.build.get("mode") == "none":
        uri = yard.tracker.address(version.run_id, MODEL)
        _require_fetchable(model, uri)
        return Plan(model=model, version=version, storage_uri=uri)
    return Plan(model=model, version=version, found=yard.builder.find(_job(model, version, yard)))


def apply(planned: Plan, yard: Yard, *, say: Say) -> StageResult:
    """Carry the plan out; twice is the same as once. What a version is packed into is written down last.

    Raises as `plan` and Builder.build do, StaleError where another run packed the version otherwise meanwhile, and
    GateFailed where KServe would load a file itself that `serving.formats` does not allow.
    """
    model, version = planned.model, planned.version
    details = BuildDetails(version=version.number, model_digest=version.model_digest, how="recorded")
    if model.build.get("mode") == "none" and not version.tags.get("image_digest"):
        _look(model, version, yard, say)
    if _packed(version.tags):
        return _result(model, version, details)
    if planned.storage_uri:
        version = yard.registry.annotate(version, {"storage_uri": planned.storage_uri})
        return _result(model, version, replace(details, how="artifact"))
    if planned.found is not None:
        return _result(model, _name(version, planned.found, yard), replace(details, how="adopted"))
    built = yard.builder.build(_job(model, version, yard), say=say)
    told = _tell(model, version, built, yard)
    details = replace(
        details,
        how="built",
        base=built.base,
        python=built.python,
        layers_pushed=built.layers_pushed,
        packages=len(built.sbom.get("components", ())),
        sbom=told,
    )
    return _result(model, _name(version, built.image, yard), details)


def _look(model: Model, version: Version, yard: Yard, say: Say) -> None:
    """KServe's own runtime knows nothing of `serving.formats`, so the files are looked at before it is told of them.

    Each time, since the formats may be fewer than when the version was noted.
    """
    settings = server_settings(model)
    if "formats" not in settings:
        return
    scratch = yard.workspace.scratch(model.name, "build-check")
    shutil.rmtree(scratch / "fetched", ignore_errors=True)  # files of another model would change the digest
    directory = bring_model(version.run_id, version.model_digest, scratch / "fetched", tracker=yard.tracker)
    refused = yard.trial.refusal(
        ServableModel(
            name=model.name,
            model_directory=directory.resolve(),
            model_digest=version.model_digest,
            settings=settings,
        ),
        interpreter=environment_of(version.run_id, yard, scratch, say),
        cwd=scratch,
        log=yard.workspace.log_path(model.name, "build-check"),
    )
    if refused:
        raise GateFailed(
            refused,
            hint="with build: {mode: none} KServe loads the files itself, and heeds no serving.formats",
            docs="build.md#without-docker",
        )


def _name(version: Version, image: Image, yard: Yard) -> Version:
    return yard.registry.annotate(version, {"image": image.name, "image_digest": image.digest})


def _tell(model: Model, version: Version, built: Built, yard: Yard) -> str:
    """Keep the bill of materials with the run, and beside the results; returns its path from the root."""
    path = yard.workspace.home / "results" / model.name / SBOM
    yard.workspace.protect()
    files.write_json(path, built.sbom)
    yard.tracker.store(version.run_id, SBOM, path)
    return path.relative_to(yard.workspace.root).as_posix()


def _job(model: Model, version: Version, yard: Yard) -> BuildJob:
    def bring(into: Path) -> Described:
        bring_model(version.run_id, version.model_digest, into, tracker=yard.tracker)
        yard.server_code(into / "code")
        found = described(version.run_id, into, tracker=yard.tracker)
        require_files(model, found.files, where="")
        return found

    release = release_of(version, model)
    return BuildJob(
        model=model.name,
        version=version.number,
        model_digest=version.model_digest,
        inputs_digest=version.inputs_digest,
        run_id=version.run_id,
        commit=version.tags.get("commit", ""),
        source=yard.source,
        image=str(model.build["image"]),
        base=base_of(model),
        settings={key: json.loads(value) for key, value in release.serving.items()},
        requirements=yard.requirements,
        bring=bring,
    )


def _require_fetchable(model: Model, uri: str) -> None:
    """A file on this machine, or behind the tracking server alone, is nothing that a cluster can read."""
    kserve = next((item.name for item in model.environments if item.target == "kserve"), "")
    if kserve and not uri.startswith(FETCHED):
        scheme = uri.partition(":")[0]
        raise ConfigError(
            f"KServe's storage initializer can't fetch the model from '{scheme}:', and {kserve} needs it to",
            hint="keep artifacts where a cluster can read them, e.g. tracking: {artifacts: 's3://bucket/path'}, for "
            "models that are trained from then on; or build an image",
            docs="build.md#without-docker",
        )


def _packed(tags: Mapping[str, str]) -> str:
    """What a version's tags say it is packed into, '' for one that is not."""
    digest = tags.get("image_digest", "")
    return f"{tags.get('image', '')}@{digest}" if digest else tags.get("storage_uri", "")


def _result(model: Model, version: Version, details: BuildDetails) -> StageResult:
    tags = version.tags
    details = replace(
        details,
        image=tags.get("image", ""),
        image_digest=tags.get("image_digest", ""),
        storage_uri=tags.get("storage_uri", ""),
    )
    said = {
        "built": f"built and pushed, {details.layers_pushed} layers",
        "adopted": "taken as it was in its registry",
        "recorded": "built before",
        "artifact": "nothing was built",
    }
    return StageResult(
        stage=STAGE,
        model=model.name,
        status=Status.PASSED,
        reason=f"version {version.number} is {_packed(tags)} ({said[details.how]})",
        outputs={"image": details.image, "image-digest": details.image_digest, "storage-uri": details.storage_uri},
        details=encode(details),
    )
