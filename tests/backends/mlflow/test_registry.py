"""One version a model digest, whoever registers it how often at once; a real MLflow on SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.backends.mlflow import sqlite as mlflow_sqlite
from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.errors import StaleError
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.models import Candidate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
URI = "sqlite:///.mlops/mlflow.db"
REGISTER = """\
import sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from mlops_ci.backends.mlflow import sqlite as mlflow_sqlite
from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker

root, run = Path(sys.argv[1]), sys.argv[2]
registry = MlflowRegistry(root=root, uri="sqlite:///.mlops/mlflow.db", registry_uri="sqlite:///.mlops/mlflow.db")
candidate = MlflowTracker(root=root, uri="sqlite:///.mlops/mlflow.db").load(run)
print("ready", flush=True)
sys.stdin.readline()
version, created = registry.create("toy", candidate, tags={"commit": "c" * 40})
print(version.number, created)
"""


def candidate(root: Path, text: str) -> Candidate:
    """A recorded training whose model directory holds `text`."""
    directory = root / f"model-{text}"
    directory.mkdir(parents=True)
    (directory / "MLmodel").write_text(text)
    return MlflowTracker(root=root, uri=URI).record(
        TrainedModel(
            model="toy",
            inputs_digest=text * 64,
            model_digest=text * 64,
            directory=directory,
            params={},
            metrics={},
            data={},
            tags={},
            files={},
        )
    )


def registry(root: Path) -> MlflowRegistry:
    return MlflowRegistry(root=root, uri=URI, registry_uri=URI)


def test_two_registrations_at_once_make_one_version(tmp_path: Path) -> None:
    run = candidate(tmp_path, "a").run_id
    children = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, str(tmp_path), run],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = sorted(child.communicate(timeout=60)[0].strip() for child in children)
    assert said == ["1 False", "1 True"]
    found = registry(tmp_path).version_of("toy", "a" * 64)
    assert found is not None and (found.number, found.tags["commit"]) == ("1", "c" * 40)


def test_a_version_that_another_machine_made_first_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and our write somebody registers the same digest: the lower number wins, ours is deleted."""
    made = candidate(tmp_path, "a")
    ours, theirs = registry(tmp_path), registry(tmp_path)
    look = ours._versions
    looks = iter((True, False))
    assert theirs.create("toy", made, tags={})[1]
    monkeypatch.setattr(ours, "_versions", lambda model: [] if next(looks) else look(model))
    version, created = ours.create("toy", made, tags={})
    assert (version.number, created) == ("1", False)
    numbers = [item.version for item in theirs.store.client.search_model_versions("name = 'toy'")]
    assert [str(number) for number in numbers] == ["1"]


def test_moves_of_an_alias_are_journalled_once(tmp_path: Path) -> None:
    store = registry(tmp_path)
    first, _ = store.create("toy", candidate(tmp_path, "a"), tags={})
    second, _ = store.create("toy", candidate(tmp_path, "b"), tags={})
    assert store.champion("toy", "production") is None
    for version in (first, second, second):
        store.point("toy", "production", version)
    champion = store.champion("toy", "production")
    assert champion is not None and champion.number == second.number
    tags = store.store.client.get_registered_model("toy").tags
    moves = [json.loads(tags[name]) for name in sorted(tags) if name.startswith("mlops_ci.journal.")]
    assert [(move["from"], move["to"]) for move in moves] == [("", "1"), ("1", "2")]


def test_what_a_version_says_it_says_for_good(tmp_path: Path) -> None:
    version, _ = registry(tmp_path).create("toy", candidate(tmp_path, "a"), tags={})
    said = {"image": "shop/toy", "image_digest": "sha256:" + "1" * 64}
    assert registry(tmp_path).annotate(version, said).tags.items() >= said.items()
    assert registry(tmp_path).annotate(version, said) == registry(tmp_path).version_of("toy", "a" * 64)
    with pytest.raises(StaleError, match="image shop/toy already, not shop/other"):
        registry(tmp_path).annotate(version, {"new": "1", "image": "shop/other"})
    found = registry(tmp_path).version_of("toy", "a" * 64)
    assert found is not None
    assert "new" not in found.tags


def test_where_nothing_was_ever_stored_nothing_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mlops_ci.backends.mlflow.registry import MlflowRegistry as R;"
        f"r = R(root=Path({str(tmp_path)!r}), uri={URI!r}, registry_uri={URI!r});"
        "print(r.champion('toy', 'production'), r.version_of('toy', 'a'), 'mlflow' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "None None False"
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_read_without_mlflow_and_says_what_mlflow_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = registry(tmp_path)
    first, _ = store.create("toy", candidate(tmp_path, "a"), tags={"commit": "c" * 40})
    second, _ = store.create("toy", candidate(tmp_path, "b"), tags={})
    third, _ = store.create("toy", candidate(tmp_path, "d"), tags={})
    store.point("toy", "staging", first)
    store.point("toy", "production", second)
    store.store.client.delete_model_version("toy", third.number)
    store.store.client.create_registered_model("bare")

    def said(asked: MlflowRegistry) -> list[object]:
        champions = [asked.champion(model, name) for model in ("toy", "bare", "none") for name in ("staging", "other")]
        return [*champions, *((asked.journal(model), asked.versions(model)) for model in ("toy", "bare", "none"))]

    code = (
        "import sys; from pathlib import Path; from mlops_ci.backends.mlflow.registry import MlflowRegistry as R;"
        f"r = R(root=Path({str(tmp_path)!r}), uri={URI!r}, registry_uri={URI!r});"
        "r.point('toy', 'staging', r.champion('toy', 'staging'));"
        "print(r.champion('toy', 'staging').number, len(r.versions('toy')), 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 2 False", "the schema of the installed MLflow is one that we know"
    told = said(registry(tmp_path))
    monkeypatch.setattr(mlflow_sqlite, "SCHEMAS", ())
    assert said(registry(tmp_path)) == told


def test_what_sqlite_does_not_give_is_left_to_mlflow(tmp_path: Path) -> None:
    assert mlflow_sqlite.read(tmp_path / "none.db", "toy") is None
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    assert mlflow_sqlite.read(tmp_path / "broken.db", "toy") is None
    registry(tmp_path).create("toy", candidate(tmp_path, "a"), tags={})
    database = tmp_path / ".mlops/mlflow.db"
    assert mlflow_sqlite.read(database, "toy") is not None
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO registered_models (name, workspace) VALUES ('toy', 'another team')")
    assert mlflow_sqlite.read(database, "toy") is None
