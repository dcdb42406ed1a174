"""Images of the toy releases: the model server's own environment, taken from the one that runs the tests, and a layer
for each model. Nothing is fetched, and nothing is run to build them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from mlops_ci.records.models import Release
from mlops_ci.serving.code import copy_into
from tests.docker.daemon import Daemon

NEEDED = ("mlflow-skinny", "kserve", "pandas", "pyarrow")
LIBRARIES = f"opt/venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
SERVER = """\
FROM {base}
COPY opt /opt
COPY code /srv/code
ENV PYTHONPATH=/srv/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
"""
MODEL = """\
FROM {server}
COPY model /srv/model
COPY settings.json /srv/settings.json
HEALTHCHECK CMD ["/bin/false"]
ENTRYPOINT {entrypoint}
CMD ["--host", "0.0.0.0", "--port", "8080"]
"""


def server_image(daemon: Daemon, base: str, home: Path) -> str:
    """Build what every toy image stands on; returns its name."""
    name = "toy-server"
    copy_into(home / "code")
    (home / "pyvenv.cfg").write_text("home = /usr/bin\n")
    with subprocess.Popen(
        ["docker", "build", "--quiet", "--tag", name, "-"], stdin=subprocess.PIPE, env=daemon.environ
    ) as building:
        assert building.stdin is not None
        with tarfile.open(fileobj=building.stdin, mode="w|") as context:
            _add(context, "Dockerfile", SERVER.format(base=base))
            context.add(home / "pyvenv.cfg", "opt/venv/pyvenv.cfg")
            link = tarfile.TarInfo("opt/venv/bin/python")
            link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
            context.addfile(link)
            context.add(home / "code", "code")
            for path, inside in _libraries(NEEDED):
                context.add(path, f"{LIBRARIES}/{inside}", recursive=False)
        building.stdin.close()
        assert building.wait() == 0
    return name


def with_image(daemon: Daemon, server: str, registry: str, release: Release, source: Path) -> Release:
    """The release with its image, built and pushed."""
    image = f"{registry}/toy"
    words = ["/opt/venv/bin/python", "-m", "mlops_ci.serving", "--model", "/srv/model", "--name", release.model]
    words += ["--digest", release.model_digest, "--settings", "/srv/settings.json"]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as context:
        _add(context, "Dockerfile", MODEL.format(server=server, entrypoint=json.dumps(words)))
        _add(context, "settings.json", "{}")
        context.add(source / "model", "model")
    tag = f"{image}:{release.version}"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, "-"], input=content.getvalue(), env=daemon.environ, check=True
    )
    daemon.docker("push", "--quiet", tag)
    named = daemon.docker("inspect", "--format", "{{index .RepoDigests 0}}", tag)
    return dataclasses.replace(release, image=image, image_digest=named.rpartition("@")[2])


def _add(context: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    context.addfile(info, io.BytesIO(text.encode()))


def _libraries(names: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """(file, its place) of distributions that run this test, and of all they need."""
    waiting = [(name, frozenset[str]()) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    files: dict[str, Path] = {}
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found = importlib.metadata.distribution(name)
        for item in found.files or ():
            path = Path(str(found.locate_file(item)))
            if ".." not in item.parts and path.is_file() and path.suffix != ".pyc":
                files[str(item)] = path
        for text in found.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append((needed.name, frozenset(needed.extras)))
    yield from ((path, inside) for inside, path in files.items())
