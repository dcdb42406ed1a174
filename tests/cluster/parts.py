"""What the test cluster is made of, and where script/cluster-tools leaves it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "modules"
COMMAND = "script/cluster-tools"


@dataclass(frozen=True)
class Part:
    """One program: the Go package it is, of the module in modules/ that pins it."""

    name: str
    module: str
    package: str


PARTS = (
    Part("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    Part("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Part("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Part("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Part("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Part("kserve-manager", "kserve", "github.com/kserve/kserve/cmd/manager"),
    Part("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
)


def home(variables: Mapping[str, str]) -> Path:
    """The folder of these very versions: other modules, another folder."""
    cache = variables.get("MLOPS_CI_TEST_CACHE") or variables.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    pinned = hashlib.sha256()
    for path in sorted(MODULES.glob("*/go.*")):
        pinned.update(f"{path.parent.name}/{path.name}\0".encode() + path.read_bytes())
    return Path(cache) / "mlops-ci-tests" / f"cluster-{pinned.hexdigest()[:16]}"


def program(folder: Path, name: str) -> Path:
    """A built part."""
    return folder / "bin" / name


def objects(folder: Path) -> Path:
    """The Kubernetes objects that come with the modules, as one JSON file; another recipe, another file."""
    recipe = hashlib.sha256((HERE / "prepare.py").read_bytes()).hexdigest()
    return folder / f"objects-{recipe[:16]}.json"


def missing(folder: Path) -> list[str]:
    """What is not there yet."""
    wanted = [program(folder, part.name) for part in PARTS] + [objects(folder)]
    return [path.name for path in wanted if not path.exists()]
