"""Builds the parts of the test cluster from pinned Go modules, once: the body of script/cluster-tools.

Each part is built beside and renamed, so that a run that was killed goes on where it was. Two runs take turns.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests import golang
from tests.cluster import parts
from tests.cluster.parts import Part
from tests.cluster.processes import end_with_parent
from tests.golang import BuildFailed, alone, say

SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -p=2"}


def main() -> int:
    """Build what is missing. Exit 1 with one line where that fails."""
    folder = parts.home(os.environ)
    if not parts.missing(folder):
        print(f"the test cluster's parts are all in {folder}")
        return 0
    begun = time.monotonic()
    try:
        with alone(folder):
            _build(folder)
    except (BuildFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"the test cluster's parts are in {folder}, after {time.monotonic() - begun:.0f} s")
    return 0


def _build(folder: Path) -> None:
    todo = [part for part in parts.PARTS if not parts.program(folder, part.name).exists()]
    (folder / "bin").mkdir(exist_ok=True)
    for left in (folder / "bin").glob(".*"):
        left.unlink()
    go = golang.found(folder, parts.COMMAND)
    if todo:
        say(f"building {len(todo)} of {len(parts.PARTS)} parts of the test cluster, once; about 12 minutes on 2 cores")
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
    say(f"{part.name} built in {time.monotonic() - begun:.0f} s")


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
    say("the modules' Kubernetes objects are prepared")


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


if __name__ == "__main__":
    sys.exit(main())
