"""The workflows, copied or called: least rights, pinned, and nothing in them that refers to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.stages.publish import PREFIX
from mlops_ci.yaml12 import load
from tests.actions.test_setup import install as install

ROOT = Path(__file__).parents[2]
OWN = re.compile(r"mlops-ci/mlops-ci(?:/(?P<path>[\w/.-]+))?@v1")
OURS = sorted(ROOT.glob("workflows/*.yml"))
FILES = sorted([*OURS, *ROOT.glob(".github/workflows/*.yml")])
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = load(path.read_bytes()).value
    return document


def steps(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(job, step) of all."""
    for name, job in document["jobs"].items():
        for step in job["steps"]:
            yield name, step


def own_action(uses: str) -> dict[str, Any] | None:
    """Our action that a step uses, None for another's."""
    found = OWN.fullmatch(uses)
    return read(ROOT / (found["path"] or "") / "action.yml") if found else None


def test_the_ones_that_users_copy_are_there() -> None:
    wanted = {"pull-request", "merge", "promote", "drift", "publish", "reconcile"}
    assert {path.stem for path in OURS} == wanted
    assert {path.stem for path in FILES if path not in OURS} == wanted | {"ci"}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_rights_are_the_least_and_explained(path: Path) -> None:
    document = read(path)
    assert document["permissions"] == {}
    assert "cancel-in-progress" in document["concurrency"]
    for name, job in document["jobs"].items():
        assert job["timeout-minutes"] <= 360, name
        assert "permissions" in job, name
    for line in re.findall(r"^      [a-z-]+: (?:read|write)\b.*$", path.read_text("utf-8"), re.M):
        assert re.search(r" # \w", line), f"no reason: {line}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_steps_are_pinned_and_no_expression_reaches_a_shell(path: Path) -> None:
    text = path.read_text("utf-8")
    for line in re.findall(r"^ *(?:- )?uses: (.*)$", text, re.M):
        here = path.name == "ci.yml" and line.startswith("./")  # what is tested is this very commit
        assert here or OWN.fullmatch(line) or PINNED.fullmatch(line), line
    for _, step in steps(read(path)):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=names)
def test_our_actions_get_inputs_that_they_have_and_all_that_they_need(path: Path) -> None:
    for job, step in steps(read(path)):
        if (action := own_action(step.get("uses", ""))) is None:
            continue
        given = set(step.get("with", {}))
        assert given <= set(action["inputs"]), f"{job}: the runner says nothing of an unknown input"
        needed = {name for name, item in action["inputs"].items() if item["required"]}
        assert needed <= given, f"{job}: the runner says nothing of a missing input"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_what_is_referred_to_is_there(path: Path) -> None:
    document, text = read(path), path.read_text("utf-8")
    call = (document["on"] or {}).get("workflow_call") or {}
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(call.get("inputs", {}))
    if call:
        assert set(re.findall(r"secrets\.(\w+)", text)) == set(call.get("secrets", {}))
    for name, job in document["jobs"].items():
        needs = job.get("needs", [])
        words = str(job)
        for needed in re.findall(r"needs\.([\w-]+)", words):
            assert needed in ([needs] if isinstance(needs, str) else needs), name
        for needed, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", words):
            assert output in document["jobs"][needed]["outputs"], name
        known = {step["id"]: own_action(step.get("uses", "")) for step in job["steps"] if "id" in step}
        for step_id, output in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", words):
            action = known[step_id]
            assert action is None or output in action["outputs"], name


def test_set_up_is_of_stages_that_there_are(install: Any) -> None:
    for path in FILES:
        for _, step in steps(read(path)):
            if "/actions/setup@" in step.get("uses", ""):
                assert install.stages_of(step["with"]["stages"]), path


def test_a_job_sets_up_all_that_it_runs(install: Any) -> None:
    """What is missing would be installed without the cache, by every run anew."""
    for path in FILES:
        for name, job in read(path)["jobs"].items():
            ready: set[str] = set()
            for step in job["steps"]:
                found = OWN.fullmatch(step.get("uses", ""))
                given = step.get("with", {})
                if found and found["path"] == "actions/setup":
                    ready = set(install.extras_of(install.stages_of(given["stages"])))
                elif found:
                    word = given.get("run") or given.get("stage") or Path(found["path"]).name
                    assert set(install.extras_of([word])) <= ready, f"{path.name} {name}: {word}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_whatever_reads_the_config_has_its_variable(path: Path) -> None:
    """`${MLFLOW_TRACKING_URI}` without a default is an error wherever it is not set."""
    for name, job in read(path)["jobs"].items():
        reading = [step for step in job["steps"] if not step.get("with", {}).get("begun")]
        used = [OWN.fullmatch(step.get("uses", "")) for step in reading]
        if {found["path"] for found in used if found} - {"actions/setup", "actions/publish"}:
            assert job.get("env", {}).get("MLFLOW_TRACKING_URI") == "${{ vars.MLFLOW_TRACKING_URI }}", name


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_secret_reaches_a_step_that_does_not_need_it(path: Path) -> None:
    document = read(path)
    shared = [document.get("env", {}), *(job.get("env", {}) for job in document["jobs"].values())]
    for value in (value for env in shared for value in env.values()):
        assert "secrets." not in str(value)
        assert "github.token" not in str(value)


def test_who_calls_it_is_told_the_name_that_publish_waits_for() -> None:
    called = (ROOT / ".github/workflows/pull-request.yml").read_text("utf-8").partition("\nname:")[0]
    (awaited,) = read(ROOT / "workflows/publish.yml")["on"]["workflow_run"]["workflows"]
    assert f"that must be called {awaited}, since publish.yml waits" in called


def test_a_fork_s_workflow_hands_over_what_publish_reads() -> None:
    judged, published = read(ROOT / "workflows/pull-request.yml"), read(ROOT / "workflows/publish.yml")
    handed = [step["with"] for _, step in steps(judged) if "upload-artifact" in step.get("uses", "")]
    assert {"name": f"{PREFIX}-${{{{ matrix.model }}}}", "path": ".mlops/results"}.items() <= handed[0].items()
    taken = [step["with"]["pattern"] for _, step in steps(judged) if "download-artifact" in step.get("uses", "")]
    assert taken == [f"{PREFIX}-*"]
    assert published["on"]["workflow_run"]["workflows"] == [judged["name"]]
    assert not any("checkout" in step.get("uses", "") or "run" in step for _, step in steps(published))


def test_where_a_branch_s_code_runs_no_token_can_write() -> None:
    for job in ("affected", "judge"):
        found = read(ROOT / "workflows/pull-request.yml")["jobs"][job]
        assert found["permissions"] == {"contents": "read"}
        assert "github.token" not in str(found)


@pytest.mark.parametrize("name", ["merge", "promote", "reconcile"])
def test_what_changes_servers_runs_one_at_a_time_and_to_its_end(name: str) -> None:
    found = read(ROOT / f"workflows/{name}.yml")
    assert found["concurrency"] == {"group": "mlops-ci-ship", "cancel-in-progress": False}
    assert all(job["environment"] == "mlops-ci" for job in found["jobs"].values())


def test_a_push_starts_one_of_merge_and_promote() -> None:
    merge, promote = (read(ROOT / f"workflows/{name}.yml")["on"]["push"] for name in ("merge", "promote"))
    assert merge["paths-ignore"] == promote["paths"]
    assert merge["branches"] == promote["branches"]


@pytest.mark.parametrize("path", [path for path in FILES if path not in OURS and path.stem != "ci"], ids=names)
def test_a_called_workflow_is_the_copied_one(path: Path) -> None:
    called, copied = read(path), read(ROOT / "workflows" / path.name)
    assert called["jobs"].keys() == copied["jobs"].keys()
    for name, job in called["jobs"].items():
        before = copied["jobs"][name]
        assert {**job, "runs-on": "", "steps": []} == {**before, "runs-on": "", "steps": []}
        assert [step.get("uses") for step in job["steps"]] == [step.get("uses") for step in before["steps"]]
        for new, old in zip(job["steps"], before["steps"], strict=True):
            added = {key: value for key, value in new.get("with", {}).items() if key not in old.get("with", {})}
            assert set(map(str, added.values())) <= {"${{ inputs.working-directory }}", "${{ inputs.config }}"}
    usage = "".join(line[4:] for line in path.read_text("utf-8").splitlines(keepends=True) if line.startswith("#   "))
    (job,) = load(usage.encode()).value["jobs"].values()
    assert job["uses"] == f"mlops-ci/mlops-ci/.github/workflows/{path.name}@v1"
    for granted in copied["jobs"].values():
        assert granted["permissions"].items() <= job["permissions"].items()
