"""This machine's Docker daemon: found as the docker command finds it, its images named by digest, its errors ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.errors import BackendError, ConfigError, MissingExtra
from mlops_ci.ports import Say

LOCAL = "http+docker://"  # what docker-py makes of a Unix socket
SECONDS = 120.0  # for one answer of the daemon


@contextlib.contextmanager
def daemon(environ: Mapping[str, str]) -> Iterator[Any]:
    """A docker-py client, closed at the end; what the daemon says in between is raised as BackendError.

    Raises ConfigError for a daemon of another machine: what it runs could not be given our sockets.
    """
    try:
        import docker
        import requests
    except ModuleNotFoundError as error:
        raise MissingExtra("deploy", "docker") from error
    client = None
    try:
        client = docker.from_env(environment=dict(environ), timeout=SECONDS)
        if not client.api.base_url.startswith(LOCAL):
            raise ConfigError(
                f"the Docker daemon at {client.api.base_url} is not this machine's",
                hint="target: docker serves on this machine: let DOCKER_HOST name a Unix socket",
                docs="deploy.md#the-target-docker",
            )
        yield client
    except docker.errors.APIError as error:
        raise BackendError(f"the Docker daemon refused: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        hint = "start it, or let DOCKER_HOST name its socket; what serves now serves on"
        raise BackendError(f"the Docker daemon does not answer: {error}", hint=hint) from error
    finally:
        if client is not None:
            client.close()


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
            f"the image {reference} is not here, and can't be pulled: {error.explanation or error}",
            hint="releases are served by their digest alone: build and push it again, or see whether you are logged in",
        ) from error
