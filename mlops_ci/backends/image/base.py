"""The base image: brought where it is not here, and asked which Python and which C library it has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.image.daemon import said
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io import files
from mlops_ci.ports.say import Say

ASK = """\
import json, platform, sys
import venv
print(json.dumps([list(sys.version_info[:3]), platform.machine(), platform.libc_ver()]))
"""
DOCS = "build.md#the-base-image"
OLDEST = (2, 17)  # of the C library: below it hardly any wheel can be installed


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base image. `id` is the daemon's; `reference` names it by digest where it came from a registry; `python` is
    e.g. `3.11.2`, `libc` the version of the GNU C library."""

    id: str
    reference: str
    python: str
    machine: str
    libc: tuple[int, int]

    @property
    def minor(self) -> str:
        """`3.11`."""
        return ".".join(self.python.split(".")[:2])


def base_of(client: Any, name: str, *, known: Path, say: Say) -> Base:
    """The base image as it is here, or as its registry has it. What it answered once is kept below `known`, by its id:
    the same bytes answer the same. Raises ConfigError where it has no Python that can make
    an environment, or another C library than GNU's."""
    image = _here(client, name, say)
    kept = known / f"{str(image.id).removeprefix('sha256:')}.json"
    try:
        answer = json.loads(kept.read_text("utf-8"))
    except (OSError, ValueError):
        answer = _ask(client, image.id, name)
        files.write_json(kept, answer)
    version, machine, (kind, libc) = answer
    found = tuple(int(part) for part in str(libc).split(".")[:2]) if kind == "glibc" else (0, 0)
    if found < OLDEST:
        raise ConfigError(
            f"the base image {name} has no GNU C library of at least {'.'.join(map(str, OLDEST))}",
            hint="take one that has, e.g. 'python:3.11-slim': most wheels are built for it",
            docs=DOCS,
        )
    return Base(
        id=str(image.id),
        reference=_reference(image, name),
        python=".".join(map(str, version)),
        machine=str(machine),
        libc=(found[0], found[1]),
    )


def require_python(base: Base, trained: str, *, name: str) -> None:
    """Raises ConfigError where the base image has another Python than the one that trained the model."""
    wanted = ".".join(trained.split(".")[:2])
    if base.minor != wanted:
        raise ConfigError(
            f"the base image {name} has Python {base.python}, and the model was trained with {trained}",
            hint=f"take a base image with Python {wanted} in build.base, or train with {base.minor}",
            docs=DOCS,
        )


def _reference(image: Any, name: str) -> str:
    from docker.utils import parse_repository_tag

    repository = parse_repository_tag(name)[0]
    digests = (str(item) for item in image.attrs.get("RepoDigests") or ())
    return next((item for item in digests if item.partition("@")[0] == repository), name)


def _here(client: Any, name: str, say: Say) -> Any:
    import docker

    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        say(f"pulling the base image {name}")
    try:
        return client.images.pull(name)
    except docker.errors.APIError as error:
        raise BackendError(
            f"the base image {name} can't be pulled: {said(error)}",
            hint="see whether its name in build.base is right, and whether you are logged in to its registry",
            docs=DOCS,
        ) from error


def _ask(client: Any, image: str, name: str) -> Any:
    import docker

    try:
        answer = client.containers.run(
            image,
            ["-c", ASK],
            entrypoint=["python3"],
            network_mode="none",
            user="65532:65532",
            remove=True,
        )
        return json.loads(answer)
    except docker.errors.ContainerError as error:
        words = bytes(error.stderr or b"").decode("utf-8", "replace").strip().splitlines()[-1:]
        why = words[0] if words else f"it ended with {error.exit_status}"
    except docker.errors.APIError as error:
        why = said(error)
    except ValueError:
        why = "it printed something else"
    raise ConfigError(
        f"the base image {name} has no 'python3' that can make an environment: {why[:300]}",
        hint="take one that has it on its PATH, e.g. 'python:3.11-slim'",
        docs=DOCS,
    )
