"""The Docker daemon that builds images: found as the docker command finds it, its errors and streams in our words."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlops_ci.errors import BackendError, ConfigError, MissingExtra, MlopsError
from mlops_ci.io import files

SECONDS = 600.0  # for one silence of the daemon: it compresses a large layer without a word
LONGEST = 2_000
WITHOUT = "'build: {mode: none}' serves the model without an image"
DOCS = "build.md#when-it-fails"
TAIL = 20
OWN_FAULT = "the registry failed at its own end: its log says why, often that its disk is full"

UNREACHED = "the daemon can't reach the registry: is it up? then run the same command again; nothing was written down"


@contextlib.contextmanager
def connected(environ: Mapping[str, str], *, without: str = WITHOUT, docs: str = DOCS) -> Iterator[Any]:
    """A docker-py client, closed at the end. What the daemon, or the way to it, refuses is raised as BackendError;
    `without` says what there is where no daemon is."""
    try:
        import docker
        import requests
    except ModuleNotFoundError:
        raise MissingExtra("deploy", "docker") from None
    client = None
    try:
        client = docker.from_env(environment=dict(environ), timeout=SECONDS)
        _log_in(client, environ)
        yield client
    except MlopsError:
        raise
    except docker.errors.APIError as error:
        raise BackendError(f"Docker refused: {said(error)}", docs=docs) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise BackendError(
            f"Docker does not answer: {reason(error)}",
            hint=f"start Docker, or let DOCKER_HOST name its socket; {without}",
            docs=docs,
        ) from error
    except OSError as error:
        raise files.disk_error(error) from error
    finally:
        if client is not None:
            client.close()


def _log_in(client: Any, environ: Mapping[str, str]) -> None:
    """At the registry that the environment names, for this client alone: nothing is written to disk.

    Raises BackendError in the registry's own words, ConfigError where a part of the login is missing.
    """
    given = {name: environ.get(f"MLOPS_CI_REGISTRY{name}", "").strip() for name in ("", "_USERNAME", "_PASSWORD")}
    if not given["_USERNAME"] and not given["_PASSWORD"]:
        return
    import docker

    if missing := [name for name, value in given.items() if not value]:
        raise ConfigError(
            f"MLOPS_CI_REGISTRY{missing[0]} is not set, and a login at a registry needs it",
            hint="MLOPS_CI_REGISTRY is its host, e.g. ghcr.io; with none of the three, docker's own logins hold",
            docs="build.md#logins",
        )
    try:
        client.login(given["_USERNAME"], given["_PASSWORD"], registry=given[""], reauth=True)
    except docker.errors.APIError as error:
        raise BackendError(f"{given['']} lets nobody in as {given['_USERNAME']}: {said(error)}", docs=DOCS) from None


def said(error: Any) -> str:
    """What the daemon said, in its own words."""
    return str(error.explanation or error)[:LONGEST]


def reason(error: BaseException) -> str:
    """The innermost cause in one line: what wraps it repeats it with addresses of objects."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    words = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(words).splitlines()[0][:300]


def follow(stream: Iterator[Mapping[str, Any]], failed: str, on_line: Callable[[str], None]) -> list[Mapping[str, Any]]:
    """Read a stream of the daemon to its end and return what it said besides text (`aux`).

    Raises BackendError, `failed` and the daemon's own words, where the stream carries an error: the daemon answers
    200 all the same.
    """
    found: list[Mapping[str, Any]] = []
    lines: deque[str] = deque(maxlen=TAIL)
    words = ""
    for item in stream:  # to its end in any case: a connection that is left half read is never given back
        if "error" in item:
            words = words or str((item.get("errorDetail") or {}).get("message") or item["error"])[:LONGEST]
        if isinstance(item.get("aux"), dict):
            found.append(item["aux"])
        if text := str(item.get("stream", "")).strip():
            lines.extend(text[-LONGEST:].splitlines())
            on_line(text[:200])
    if words:
        fault = OWN_FAULT if "HTTP status: 5" in words else UNREACHED if "dial tcp" in words else ""
        hint = "\n".join([*lines, *([fault] if fault else [])])
        raise BackendError(f"{failed}: {words}", hint=hint, docs=DOCS)
    return found
