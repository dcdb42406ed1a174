"""Builds images with the Docker daemon, pushes them, and finds those that are there already."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.image.base import Base, base_of, require_python
from mlops_ci.backends.image.context import packed
from mlops_ci.backends.image.daemon import UNREACHED, connected, follow, said
from mlops_ci.backends.image.files import environment_file, release_file
from mlops_ci.backends.image.labels import labels, same_model, tag_of
from mlops_ci.backends.image.sbom import about_image
from mlops_ci.backends.image.wheels import Kept, WheelShelf
from mlops_ci.backends.keeper.server_settings import with_windows
from mlops_ci.errors import BackendError, StaleError
from mlops_ci.io import files
from mlops_ci.ports.building import BuildJob, Built
from mlops_ci.ports.say import Say
from mlops_ci.records.building import Image
from mlops_ci.records.server import WINDOWS

ENVIRONMENT = "mlops-ci-environment"
NOT_THERE = (401, 403, 404)  # some registries refuse to speak of a repository that does not exist yet
DOCS = "build.md#when-it-fails"


@dataclass(frozen=True, kw_only=True)
class ImageBuilder:
    """Keeps the Builder port. `cache` is the folder for wheels, `environ` names the daemon."""

    cache: Path
    environ: Mapping[str, str]

    def find(self, job: BuildJob) -> Image | None:
        """Ask the registry for the tag, and what lies there for its labels."""
        with connected(self.environ) as client:
            digest = _served(client, f"{job.image}:{tag_of(job)}")
            if digest is None:
                return None
            found = Image(name=job.image, digest=digest)
            pulled = client.images.pull(found.name, tag=found.digest)
            if not same_model(pulled.labels, job):
                raise StaleError(
                    f"{job.image}:{tag_of(job)} is no image of {job.model} with the model {job.model_digest[:12]}",
                    hint="somebody else pushed under this tag: delete it there, or name another build.image",
                    docs=DOCS,
                )
            return found

    def build(self, job: BuildJob, *, say: Say) -> Built:
        """The environment's image where it is not here yet, then the release's; push, and look at what is served."""
        with connected(self.environ) as client, tempfile.TemporaryDirectory(prefix="mlops-ci-build-") as folder:
            context = Path(folder)
            base = base_of(client, job.base, known=self.cache / "bases", say=say)
            described = job.bring(context)
            require_python(base, described.python, name=job.base)
            shelf = WheelShelf(cache=self.cache, environ=self.environ)
            kept = shelf.wheels(described, base, job.requirements, say=say)
            environment = _environment(client, base, kept, say)
            _put_together(context, job, base=base, environment=environment)
            name = f"{job.image}:{tag_of(job)}"
            say(f"building {name}")
            _run(client, context, name)
            say(f"pushing {name}")
            image, pushed = _push(client, job, name)
        sbom = about_image(kept.sbom(), image, version=job.version, model_digest=job.model_digest)
        return Built(image=image, base=base.reference, python=base.python, layers_pushed=pushed, sbom=sbom)


def _served(client: Any, name: str) -> str | None:
    """The digest of the manifest that the registry serves under this name, None where it has none.

    Raises BackendError, with the daemon's words, where the registry can't be asked.
    """
    import docker

    try:
        return str(client.api.inspect_distribution(name)["Descriptor"]["digest"])
    except docker.errors.APIError as error:
        if error.status_code in NOT_THERE:
            return None
        raise BackendError(
            f"the registry can't be asked for {name}: {said(error)}",
            hint=UNREACHED,
            docs=DOCS,
        ) from error


def _environment(client: Any, base: Base, kept: Kept, say: Say) -> str:
    """The image that has the environment: made once for a list of packages and a base image."""
    import docker

    name = f"{ENVIRONMENT}:{kept.key}-{base.id.removeprefix('sha256:')[:12]}"
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        say(f"installing the environment upon {base.reference} (kept for next time)")
        with tempfile.TemporaryDirectory(prefix="mlops-ci-build-") as folder:
            context = Path(folder)
            files.write_text(context / "Dockerfile", environment_file(base=base.reference, pip=kept.pip))
            _link(kept.wheels, context / "wheels")
            _run(client, context, name)
    return name


def _link(source: Path, target: Path) -> None:
    """The same files in the context: linked where the file system can, since they are many and large."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copyfile(one, other)

    shutil.copytree(source, target, copy_function=link)


def _put_together(context: Path, job: BuildJob, *, base: Base, environment: str) -> None:
    """Everything that the release's image is made of."""
    files.write_json(context / "settings.json", with_windows(job.settings, WINDOWS))
    (context / "windows").mkdir()
    text = release_file(
        base=base.reference,
        environment=environment,
        name=job.model,
        digest=job.model_digest,
        labels=labels(job, base=base.reference),
    )
    files.write_text(context / "Dockerfile", text)


def _run(client: Any, context: Path, name: str) -> None:
    """One build, without a network, and without the proxy of whoever runs it."""
    stream: Iterator[Mapping[str, Any]] = client.api.build(
        fileobj=packed(context),
        custom_context=True,
        tag=name,
        rm=True,
        forcerm=True,
        pull=False,
        network_mode="none",
        use_config_proxy=False,
        decode=True,
    )
    follow(stream, f"{name} could not be built", lambda line: None)


def _push(client: Any, job: BuildJob, name: str) -> tuple[Image, int]:
    """(the image by the digest that its registry gave it, how many layers the registry lacked)."""
    pushed: set[str] = set()

    def seen(stream: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for item in stream:
            if item.get("status") == "Pushed":
                pushed.add(str(item.get("id")))
            yield item

    told = follow(seen(client.api.push(name, stream=True, decode=True)), f"{name} could not be pushed", lambda _: None)
    digest = next((str(item["Digest"]) for item in told if item.get("Digest")), "")
    if not digest:
        raise BackendError(f"the registry named no digest for {name}", docs=DOCS)
    if (served := _served(client, name)) != digest:
        raise StaleError(
            f"{name} was pushed as {digest}, and its registry serves {served or 'nothing'}",
            hint="somebody pushes under the same tag at the same time; run the same command again",
            docs=DOCS,
        )
    return Image(name=job.image, digest=digest), len(pushed)
