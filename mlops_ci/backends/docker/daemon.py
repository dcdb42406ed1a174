"""The Docker daemon that serves: this machine's, and its images by their digest alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.backends.image.daemon import connected, said
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.ports.say import Say

LOCAL = "http+docker://"  # what docker-py makes of a Unix socket
DOCS = "docker.md"


@contextlib.contextmanager
def daemon(environ: Mapping[str, str]) -> Iterator[Any]:
    """A docker-py client; what the daemon says in between is raised as BackendError.

    Raises ConfigError for a daemon of another machine: what it runs could not be given our sockets.
    """
    with connected(environ, without="what serves now serves on", docs=DOCS) as client:
        if not client.api.base_url.startswith(LOCAL):
            raise ConfigError(
                f"the Docker daemon at {client.api.base_url} is not this machine's",
                hint="target: docker serves on this machine: let DOCKER_HOST name a Unix socket",
                docs=DOCS,
            )
        yield client


def image_id(client: Any, reference: str, say: Say) -> str:
    """The daemon's own id of the image `name@sha256:…`, pulled where it is not there. Raises BackendError."""
    import docker

    try:
        found = client.images.get(reference)
    except docker.errors.ImageNotFound:
        say(f"pulling {reference}")
        found = _pull(client, reference)
    digest = reference.rpartition("@")[2]
    if not any(str(name).endswith(f"@{digest}") for name in found.attrs.get("RepoDigests") or ()):
        raise BackendError(f"the image that the daemon has for {reference} has another digest")
    return str(found.id)


def available(client: Any, reference: str) -> bool:
    """Whether the image is in the daemon, or its registry says that it has it."""
    import docker

    try:
        client.images.get(reference)
    except docker.errors.APIError:
        try:
            client.api.inspect_distribution(reference)
        except docker.errors.APIError:
            return False
    return True


def _pull(client: Any, reference: str) -> Any:
    import docker

    name, _, digest = reference.rpartition("@")
    try:
        return client.images.pull(name, tag=digest)
    except docker.errors.APIError as error:
        raise BackendError(
            f"the image {reference} is not here, and can't be pulled: {said(error)}",
            hint="releases are served by their digest alone: build and push it again, or see whether you are logged in",
            docs=DOCS,
        ) from error
