"""`merge` with everything done already, and `status` with 20 models in 3 environments; MLflow's registry on SQLite.

`merge` is measured in a repository of one model in two environments, both served by real model servers. For `status`
all is real (git, pull requests, versions, aliases, state files, control sockets) but the 60 model servers, which this
machine would not hold: one process answers for their keepers.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from affected import FILES, MODEL

import paired

TOY = {
    "mlops.yaml": """\
version: 1
models:
  toy:
    train: {target: train, environment: "{python}"}
    evaluate:
      holdout: holdout.csv
      label: label
      metrics: [roc_auc]
      gates: [{metric: roc_auc, min: 0.6}]
      first_model: allow
    environments:
      staging: {}
      production: {}
""".replace("{python}", sys.executable),
    "train.py": """\
import json, pathlib, warnings
import mlflow.sklearn, pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
data = pandas.read_csv("train.csv")
model = LogisticRegression().fit(data[["x"]], data["label"])
pathlib.Path("metrics.json").write_text(json.dumps({"rows": len(data)}))
signature = ModelSignature(inputs=Schema([ColSpec("double", "x")]))
mlflow.sklearn.save_model(
    model, "model", signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
)
""",
    "dvc.yaml": """\
stages:
  train:
    cmd: python train.py
    deps: [train.py, train.csv]
    outs: [model]
    metrics: [metrics.json: {cache: false}]
""",
    "train.csv": "x,label\n" + "".join(f"{x / 100},{int(x % 7 < x / 30)}\n" for x in range(200)),
    "holdout.csv": "x,label\n" + "".join(f"{x / 100 + 0.001},{int(x % 5 < x / 40)}\n" for x in range(200)),
    ".dvc/config": "",
    ".gitignore": "/model\n",
}
ENVIRONMENTS = ("staging", "preview", "production")
MODELS = 20
KEEPERS = """\
import fcntl, json, os, selectors, socket, sys
selector, kept = selectors.DefaultSelector(), []
for number, folder in enumerate(sys.argv[2:]):
    lock = open(f"{folder}/keeper.lock", "a"); fcntl.flock(lock, fcntl.LOCK_EX); kept.append(lock)
    control = socket.socket(socket.AF_UNIX); control.bind(f"{sys.argv[1]}/{number}"); control.listen()
    selector.register(control, selectors.EVENT_READ)
    with open(f"{folder}/keeper.json", "w") as file:
        json.dump({"pid": os.getpid(), "control": f"{sys.argv[1]}/{number}", "port": 8000 + number}, file)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        with key.fileobj.accept()[0] as asked:
            asked.recv(1000)
            asked.sendall(b'{"active": "1", "pid": 1, "answering": true, "restarts": 0}\\n')
"""


def mlops(root: Path, *words: str) -> None:
    """One command of ours. Raises CalledProcessError with what it said."""
    subprocess.run([sys.executable, "-m", "mlops_ci", *words], cwd=root, check=True, capture_output=True)


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com")
    subprocess.run(["git", *identity, *words], cwd=root, check=True)


def write(root: Path, files: dict[str, str]) -> None:
    """Files in a new repository, committed."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Benchmark")
    git(root, "config", "user.email", "benchmark@example.com")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Start")


@contextlib.contextmanager
def shipped(root: Path) -> Iterator[Path]:
    """A model that was judged, merged and promoted, and serves in both environments until the end of the block."""
    write(root, TOY)
    mlops(root, "pull-request", "--all")
    try:
        mlops(root, "merge")
        mlops(root, "forge", "merge", "1")
        mlops(root, "merge")
        yield root
    finally:
        mlops(root, "serve", "stop", "--all")


@contextlib.contextmanager
def fleet(root: Path) -> Iterator[Path]:
    """Many models, each registered, promoted by merged pull requests, and recorded as served everywhere."""
    places = "\n".join(f"      {name}: {{{{}}}}" for name in ENVIRONMENTS)
    model = MODEL.replace("      production: {{target: local}}", places)
    files = {f"models/{number:03}/{name}": text for number in range(MODELS) for name, text in FILES.items()}
    config = "version: 1\nmodels:\n" + "".join(model.format(number) for number in range(MODELS))
    write(root, {**files, "mlops.yaml": config, ".dvc/config": "", ".gitignore": "model/\n.mlops/\n"})
    served = [str(folder) for name in register(root) for folder in promote(root, name)]
    with (
        tempfile.TemporaryDirectory() as sockets,
        subprocess.Popen([sys.executable, "-c", KEEPERS, sockets, *served], stdout=subprocess.PIPE) as keepers,
    ):
        assert keepers.stdout is not None
        keepers.stdout.readline()
        try:
            yield root
        finally:
            keepers.kill()


def register(root: Path) -> list[str]:
    """A run, a version and the aliases of every model; the models' names."""
    from mlops_ci.backends.mlflow.registry import MlflowRegistry
    from mlops_ci.backends.mlflow.tracker import MlflowTracker
    from mlops_ci.config.load import load
    from mlops_ci.digests.directory import digest_directory
    from mlops_ci.digests.sources import Project
    from mlops_ci.io.git import Git
    from mlops_ci.ports.tracking import TrainedModel
    from mlops_ci.stages.inputs import model_inputs

    config = load(root / "mlops.yaml", os.environ)
    project = Project(Git.open(root).working_tree())
    tracker = MlflowTracker(root=root, uri=config.tracking.uri)
    registry = MlflowRegistry(root=root, uri=config.tracking.uri, registry_uri=config.tracking.uri)
    for name, model in config.models.items():
        folder = root / ".mlops" / "made" / name
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text(name)
        trained = TrainedModel(
            model=name,
            directory=folder,
            inputs_digest=model_inputs(model, project).digest,
            model_digest=digest_directory(folder),
            params={},
            metrics={},
            data={},
        )
        tags = {"commit": Git.open(root).head(), "verdict": "first"}
        version, _ = registry.create(name, tracker.record(trained), tags=tags)
        for environment in ENVIRONMENTS:
            registry.point(name, environment, version)
    return list(config.models)


def promote(root: Path, name: str) -> Iterator[Path]:
    """Release files by merged pull requests, and the state that a deployment leaves; the folders of what serves."""
    from mlops_ci.backends.keeper.kept_model import ModelAndCode
    from mlops_ci.backends.keeper.kept_releases import KeptReleases
    from mlops_ci.backends.local_forge.forge import LocalForge
    from mlops_ci.backends.mlflow.registry import MlflowRegistry
    from mlops_ci.config import release_file
    from mlops_ci.config.load import load
    from mlops_ci.io.git_write import Person
    from mlops_ci.io.workspace import Workspace
    from mlops_ci.records.codec import encode
    from mlops_ci.records.forge import NewPull, Push
    from mlops_ci.records.living import branch_of
    from mlops_ci.stages.deploy import release_of

    config = load(root / "mlops.yaml", os.environ)
    registry = MlflowRegistry(root=root, uri=config.tracking.uri, registry_uri=config.tracking.uri)
    release = release_of(registry.versions(name)[0], config.models[name])
    forge = LocalForge(root, Workspace(root))
    for environment in ENVIRONMENTS[1:]:
        branch, path = branch_of(f"promote/{name}/{environment}"), release_file.path_of(name, environment)
        content = release_file.render(release)
        push = Push(branch=branch, onto=forge.tip("main"), files={path: content}, message="Promote", fingerprint="00")
        head = forge.push(push)
        number = forge.open(NewPull(branch=branch, base="main", title=f"Promote {name}", body="")).number
        replace(forge, actor=Person("Ann", "ann@example.com")).approve(number)
        forge.merge(number, head=head)
    for environment in ENVIRONMENTS:
        folder = root / ".mlops" / "serving" / name / environment
        place = folder / "kept" / release.model_digest[:32]
        place.mkdir(parents=True)
        (place / "release.json").write_text(json.dumps({"python": sys.executable}))
        KeptReleases(folder=folder, contents=ModelAndCode()).note(place, release)
        noted = {"release": encode(release), "since": "2026-01-01T00:00:00Z", "port": 1, "sequence": 1, "refused": ""}
        (folder / "serving.json").write_text(json.dumps(noted))
        (folder / "active.json").write_text('{"id": "1"}')
        yield folder.resolve()


def seconds(root: Path, *words: str) -> tuple[float, int]:
    """(median wall time of whole commands, how many)."""
    command = [sys.executable, "-m", "mlops_ci", *words]
    measured = paired.pairs(command, ["git", "status"], cwd=root, runs=7)
    return statistics.median(mine.seconds for mine, _ in measured), len(measured)


def rows() -> list[paired.Row]:
    """Both rows of the table."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder)) as root:
        merged, runs = seconds(root, "merge")
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as root:
        stood, _ = seconds(root, "status")
    merge_note = f"1 model served in 2 environments, SQLite; median of {runs}"
    status_note = f"SQLite, 40 merged pull requests; one process stands for the 60 keepers; median of {runs}"
    return [
        paired.limit_row("merge, everything done", merged, unit="s", at_most=3.0, note=merge_note),
        paired.limit_row("status, 20 models × 3 environments", stood, unit="s", at_most=5.0, note=status_note),
    ]


if __name__ == "__main__":
    paired.main(rows)
