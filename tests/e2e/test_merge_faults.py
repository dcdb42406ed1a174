"""A merge that is killed, starved, deceived or left alone at any of its steps: the next one finishes, once."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.io import http
from tests.backends.toys import until
from tests.e2e.paused import go_on, paused
from tests.e2e.person import Person
from tests.e2e.test_faults import fill
from tests.e2e.toy import config, first_model
from tests.e2e.tracking_server import serving
from tests.processes import working_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
BACKENDS = "mlops_ci.backends"
CREATE = "mlflow:MlflowClient.create_model_version"
RESULT = "mlops_ci.io.workspace:Workspace.write_result"
BRING = f"{BACKENDS}.keeper.kept_releases:KeptReleases.bring"
UP, START, SWITCH = (
    f"{BACKENDS}.keeper.client:{name}" for name in ("KeeperClient.up", "KeeperClient.start", "Starting.switch")
)
NOTE = f"{BACKENDS}.keeper.target:KeeperTarget._note"
JOURNAL, ALIAS = (f"mlflow:MlflowClient.{name}" for name in ("set_registered_model_tag", "set_registered_model_alias"))
PUSH, OPEN = (f"{BACKENDS}.local_forge.forge:LocalForge.{name}" for name in ("push", "open"))
SKOPS = "    serving: {formats: [skops, onnx]}\n"
CHAINS = {
    "register": (
        "before mlflow:MlflowClient.create_registered_model",
        f"before {CREATE}",
        f"after {CREATE}",
        f"before {RESULT}",
    ),
    "deploy": (f"before {BRING}", f"after {BRING}", f"after {UP}", f"after {START}", f"before {SWITCH}"),
    "alias": (f"after {SWITCH}", f"after {NOTE}", f"after {JOURNAL}", f"after {ALIAS}"),
    "promote": (f"before {PUSH}", f"after {PUSH}", f"after {OPEN}"),
}


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The toy, judged and merged, and nothing shipped: prepared once, and never touched again."""
    person = first_model(tmp_path_factory.mktemp("judged") / "toy")
    text = config(sys.executable).replace("production: {target: local}", "staging: {}\n      production: {}")
    tracking = 'tracking: {uri: "${MLFLOW_TRACKING_URI:-sqlite:///.mlops/mlflow.db}"}\n'
    person.write("mlops.yaml", text.replace("version: 1\n", f"version: 1\n{tracking}"))
    person.commit("Serve in two environments")
    person.mlops("pull-request")
    person.merge("first")
    return person


@pytest.fixture
def shop(judged: Person, tmp_path: Path) -> Iterator[Person]:
    """A copy of it, whose MLflow knows where its artifacts are now; what it serves is stopped at the end."""
    made = moved(judged, tmp_path / "shop")
    yield made
    made.mlops("serve", "stop", "--all")
    until(lambda: not working_in(made.home))  # a keeper lets go of its lock a moment before it ends


def moved(source: Person, home: Path) -> Person:
    """A copy of a repository with all of its `.mlops/`."""
    shutil.copytree(source.home, home, symlinks=True, dirs_exist_ok=True)
    with contextlib.closing(sqlite3.connect(home / ".mlops/mlflow.db")) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(source.home), str(home)))
    return replace(source, home=home)


def served(shop: Person) -> list[dict[str, Any]]:
    """What `serve ps` says."""
    child = shop.start("serve", "ps", "--json")
    found: list[dict[str, Any]] = json.loads(child.communicate(timeout=120)[0])
    return found


def ask(url: str) -> str:
    """The digest of the model that answers."""
    body = json.dumps({"dataframe_records": [{"a": 0.5, "b": -1.0}]}).encode()
    answer = http.call("POST", f"{url}/v1/models/toy:predict", body=body)
    assert answer.status == 200
    return answer.headers["x-mlops-model-digest"]


def versions(shop: Person) -> list[str]:
    """The numbers of all versions that MLflow holds."""
    with contextlib.closing(sqlite3.connect(shop.home / ".mlops/mlflow.db")) as connection:
        rows = connection.execute("SELECT version FROM model_versions WHERE current_stage <> 'Deleted_Internal'")
        return [str(row[0]) for row in rows]


def kinds(shop: Person) -> list[str]:
    """What lives in the repository, sorted; anything else than a keeper or a server by its command line."""
    found = []
    for pid in working_in(shop.home):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            kind = "keeper" if "keeper.py" in line else "server" if "-m mlops_ci.serving" in line else line
            found.append(kind)
    return sorted(found)


def assert_shipped_once(shop: Person) -> None:
    """One version, one server behind one keeper, one pull request, and nothing else to do."""
    assert versions(shop) == ["1"]
    (staging,) = served(shop)
    assert staging["environment"] == "staging"
    assert ask(staging["url"]) == staging["release"]["model_digest"]
    until(lambda: kinds(shop) == ["keeper", "server"])  # one that was dropped finishes first
    listed = shop.mlops("forge", "list", "--state", "all")
    assert listed.count("Promote toy version 1 to production") == 1
    assert not list((shop.home / ".mlops/results").rglob(".*"))
    shop.mlops("status")


@pytest.mark.parametrize("chain", CHAINS)
def test_killed_at_one_step_after_the_other_then_shipped_once(shop: Person, chain: str) -> None:
    for step in CHAINS[chain]:
        with paused(shop, step, "merge") as child:
            child.send_signal(signal.SIGKILL)
    shop.mlops("merge")
    assert_shipped_once(shop)


@pytest.mark.parametrize("step", [f"before {SWITCH}", f"after {SWITCH}"])
def test_a_kill_around_the_switch_leaves_one_of_both_serving_at_the_same_address(shop: Person, step: str) -> None:
    shop.mlops("merge")
    (before,) = served(shop)
    shop.branch("better")
    shop.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    shop.commit("Use b as well")
    shop.mlops("pull-request")
    shop.merge("better")
    with paused(shop, step, "merge") as child:
        child.send_signal(signal.SIGKILL)
    old = before["release"]["model_digest"]
    assert (ask(before["url"]) == old) is step.startswith("before")
    shop.mlops("merge")
    (after,) = served(shop)
    assert (after["url"], after["release"]["version"]) == (before["url"], "2")
    assert ask(after["url"]) == after["release"]["model_digest"] != old
    assert versions(shop) == ["1", "2"]
    shop.mlops("status")


@pytest.mark.parametrize("change", ["one byte", "one more file"])
def test_an_artifact_that_changes_between_register_and_deploy_is_not_served(shop: Person, change: str) -> None:
    (model,) = (shop.home / ".mlops/artifacts").rglob("MLmodel")
    kept = model.read_bytes()
    more = model.with_name("more")
    with paused(shop, f"before {BRING}", "merge") as child:
        if change == "one byte":
            model.write_bytes(kept[:-1] + b"#")
        else:
            more.write_bytes(b"")
        assert "the stored model is not the one that was released" in go_on(child, expect=11)
    assert served(shop) == []
    assert versions(shop) == ["1"]
    model.write_bytes(kept)
    more.unlink(missing_ok=True)
    shop.mlops("merge")
    assert_shipped_once(shop)


def test_a_pickle_is_refused_where_only_other_formats_are_allowed(shop: Person) -> None:
    """By the merge, which wants it judged; by its file at the pull request; by the server, where that is waived."""
    text = (shop.home / "mlops.yaml").read_text().replace("    environments:", f"{SKOPS}    environments:")
    shop.write("mlops.yaml", text)
    (model,) = (shop.home / ".mlops/artifacts").rglob("MLmodel")
    assert "cloudpickle" in model.read_text()
    shop.commit("Serve no pickles")
    assert "serving settings have changed since" in " ".join(shop.mlops("merge", expect=11).split())
    said = " ".join(shop.mlops("pull-request", "--base", "HEAD~1", expect=10).split())
    assert "model.pkl is a pickle file, which is not allowed here; allowed formats: skops, onnx" in said
    waived = "{gate: serving formats, reason: to see what the server says, author: ada, expires: 2999-01-01}"
    shop.write("mlops.yaml", text.replace(SKOPS, f"{SKOPS}    overrides: [{waived}]\n"))
    shop.commit("Let the server say it")
    shop.mlops("pull-request", "--base", "HEAD~1")
    assert "pickle" in " ".join(shop.mlops("merge", expect=10).split())
    assert served(shop) == []


def test_two_merges_at_once_ship_once(shop: Person) -> None:
    with paused(shop, f"before {CREATE}", "merge") as first:
        assert "another mlops-ci run is at work in this checkout" in shop.mlops("merge", expect=3)
        go_on(first)
    assert_shipped_once(shop)


def test_a_clock_that_was_ahead_never_shortens_a_soak(shop: Person) -> None:
    text = (shop.home / "mlops.yaml").read_text()
    wants = "production: {requires: {verified_in: staging, min_soak: 1s}}"
    shop.write("mlops.yaml", text.replace("production: {}", wants))
    shop.commit("Let it soak")
    shop.mlops("merge")
    note = shop.home / ".mlops/serving/toy/staging/serving.json"
    noted = json.loads(note.read_text())
    note.write_text(json.dumps({**noted, "since": "2999-01-01T00:00:00Z"}))
    shop.mlops("forge", "merge", "1")
    assert "has served in staging only since 2999" in " ".join(shop.mlops("merge", expect=10).split())
    assert [item["environment"] for item in served(shop)] == ["staging"]
    note.write_text(json.dumps(noted))
    shop.mlops("merge")
    assert {item["environment"] for item in served(shop)} == {"staging", "production"}


@pytest.fixture
def small(judged: Person, tmp_path: Path) -> Iterator[Person]:
    """The shop on a disk of its own of 96 MB."""
    home = tmp_path / "shop"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", home], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a disk of its own needs 'mount' as root")
    made = moved(judged, home)
    yield made
    made.mlops("serve", "stop", "--all")
    subprocess.run(["umount", "--lazy", home], check=True)


@pytest.mark.parametrize("step", [f"before {BRING}", f"before {SWITCH}", f"before {NOTE}"])
def test_a_full_disk_while_deploying_is_named_and_made_up_for(small: Person, step: str) -> None:
    filler = small.home / ".git/filler"
    with paused(small, step, "merge") as child:
        fill(filler)
        said = go_on(child, expect=3).lower()
    assert "full" in said or "no space left" in said
    filler.unlink()
    small.mlops("merge")
    assert_shipped_once(small)


DOWN_AT = {
    f"before {CREATE}": 3,
    f"before {BRING}": 3,
    f"before {ALIAS}": 0,  # what serves is served; only the alias waits
}


def test_mlflow_down_at_each_step_is_named_and_made_up_for(shop: Person) -> None:
    with serving(shop.home) as door:
        remote = replace(shop, environ={"MLFLOW_TRACKING_URI": door.url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
        for step, code in DOWN_AT.items():
            with paused(remote, step, "merge") as child:
                door.shut()
                said = go_on(child, expect=code)
                door.open()
            if code == 0:  # a table's cell may be cut at the width of the terminal; the result is not
                said += json.dumps(shop.result("toy", "deploy-staging")["checks"])
            assert f"MLflow at {door.url} failed" in said
            assert "not moved, run the same command again later" in said or code
        remote.mlops("merge")
        remote.mlops("status")
    assert_shipped_once(shop)
