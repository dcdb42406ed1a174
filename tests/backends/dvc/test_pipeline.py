"""Pipelines through real DVC at the command line: other machines, remotes, and what a failing stage shows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.tiny import WITH_DATA, actions, clone, details, dvc, missing_object, remote, rewrite, train

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
SUITE = {
    "name": "rows",
    "meta": {},
    "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}}],
}


def test_another_machine_restores_every_stage_and_runs_nothing(stocked: Person) -> None:
    train(stocked)
    assert actions(stocked) == {"prepare": "ran", "train": "ran"}
    there = clone(stocked, "other")
    assert not (there.home / "d.csv").exists()
    assert not (there.home / "dvc.lock").exists()
    train(there)
    assert actions(there) == {"prepare": "cached", "train": "cached"}
    assert details(there)["model_digest"] == details(stocked)["model_digest"]
    assert (there.home / "metrics.json").read_text() == '{"loss": 1}'
    assert len(there.runs()) == 1


def test_what_an_earlier_stage_of_the_run_fetched_is_enough_for_the_next(stocked: Person) -> None:
    stocked.write("suite.json", json.dumps(SUITE))
    rewrite(stocked, "mlops.yaml", "    train:", "    validate: [{data: rows.csv, suite: suite.json}]\n    train:")
    stocked.commit("Validate what a stage writes")
    train(stocked)
    there = clone(stocked, "other")
    there.mlops("pull-request", "--all")
    assert set(actions(there).values()) == {"cached"}


def test_only_what_the_target_reaches_is_brought(stocked: Person) -> None:
    stocked.write("elsewhere.csv", "not for this model\n")
    dvc(stocked, "add", "-q", "elsewhere.csv")
    stocked.commit("Track what no stage reads")
    train(clone(stocked, "other"))
    assert not (stocked.home.parent / "other/elsewhere.csv").exists()


def test_a_frozen_stage_is_brought_and_never_run(stocked: Person) -> None:
    train(stocked)
    dvc(stocked, "freeze", "prepare")
    stocked.write("prepare.py", "raise SystemExit('a frozen stage was run')\n")
    stocked.git("add", "-A")
    stocked.git("commit", "-qm", "Keep the rows")
    there = clone(stocked, "other")
    train(there, "--verify")
    assert details(there)["unstable_outputs"] == []
    assert (there.home / "rows.csv").read_text() == "1\n1\n"


def test_data_that_git_changed_is_brought_and_not_taken_from_the_work_tree(stocked: Person) -> None:
    """A branch switch changes d.csv.dvc and not d.csv; DVC alone would write the old data's hash into d.csv.dvc."""
    stocked.write("d.csv", "2\n")
    dvc(stocked, "add", "-q", "d.csv")
    stocked.commit("Bring other data")
    stocked.write("d.csv", "1\n")
    train(stocked)
    assert (stocked.home / "rows.csv").read_text() == "2\n2\n"
    assert stocked.git("status", "--porcelain", "d.csv.dvc") == ""


def test_data_changed_by_hand_is_never_lost_nor_trained_on(stocked: Person) -> None:
    stocked.write("d.csv", "my work\n")
    said = train(stocked, expect=2)
    assert "DVC keeps another content of 'd.csv' than the work tree has" in said
    assert "dvc add" in said
    assert (stocked.home / "d.csv").read_text() == "my work\n"
    assert stocked.runs() == []


@pytest.mark.parametrize("command", ["train", "validate"])
def test_a_file_gone_from_the_remote_is_named_with_the_remote(stocked: Person, command: str) -> None:
    stocked.write("suite.json", json.dumps(SUITE))
    rewrite(stocked, "mlops.yaml", "    train:", "    validate: [{data: d.csv, suite: suite.json}]\n    train:")
    stocked.commit("Validate the data")
    missing_object(stocked, stocked.home.parent / "remote", "1\n")
    there = clone(stocked, "other")
    said = " ".join(there.mlops(command, "--model", "toy", expect=3).split())
    assert "the DVC remote 'shelf' lacks 'd.csv'" in said
    assert f".mlops/logs/toy/{'train' if command == 'train' else 'provide'}.log" in said


def test_without_a_remote_the_missing_file_is_named(stocked: Person) -> None:
    stocked.write(".dvc/config", "")
    stocked.git("commit", "-qam", "Forget the remote")
    said = train(clone(stocked, "other"), expect=3)
    assert "there is no DVC remote, and the cache lacks 'd.csv'" in said


@pytest.mark.parametrize("level", ["project", "local", "user"])
def test_a_remote_is_found_where_dvc_finds_it(tiny: Person, tmp_path: Path, level: str) -> None:
    """In a DVC project below git's root, at each level of DVC's settings."""
    for name in ("train.py", "params.json", "dvc.yaml"):
        tiny.write(f"m/{name}", (tiny.home / name).read_text())
        (tiny.home / name).unlink()
    shutil.rmtree(tiny.home / ".dvc")
    rewrite(tiny, "mlops.yaml", "    train:", "    path: m\n    train:")
    tiny.write("m/.dvc/config", remote(tmp_path / "remote") if level == "project" else "")
    tiny.write("m/.gitignore", "/model\n")
    tiny.write("m/.dvc/.gitignore", "/cache\n/tmp\n/config.local\n")
    tiny.git("add", "-A")
    tiny.git("commit", "-qm", "Move into a folder")
    if level == "local":
        tiny.write("m/.dvc/config.local", remote(tmp_path / "remote"))
    user = tmp_path / "settings"
    user.mkdir()
    if level == "user":
        (user / "config").write_text(remote(tmp_path / "remote"))
    train(Person(tiny.home, {"DVC_GLOBAL_CONFIG_DIR": str(user)}))
    pushed = [path.read_text() for path in (tmp_path / "remote").rglob("*") if path.is_file()]
    assert '{"loss": 1}' in pushed
    assert "1" in pushed


def test_settings_that_cannot_be_read_are_named(tiny: Person) -> None:
    tiny.write(".dvc/config", "[core\nremote = r\n")
    assert ".dvc/config: DVC's settings can't be read" in train(tiny, expect=2)


def test_a_failing_stage_shows_its_name_its_code_its_last_lines_and_its_log(tiny: Person) -> None:
    tiny.write("train.py", "for i in range(30): print('line', i, flush=True)\nraise SystemExit(7)\n")
    tiny.commit("Fail late")
    said = train(tiny, "--quiet", expect=3)
    assert said == ""
    failure = tiny.result("toy", "train")["failure"]
    assert failure["message"] == "stage 'train' failed with exit 7"
    file, _, line = failure["where"].partition(":")
    assert (tiny.home / file).read_text().splitlines()[int(line) - 1].strip() == "train:"
    shown = [line for line in failure["hint"].splitlines() if line.startswith("| ")]
    assert shown == [f"| line {i}" for i in range(10, 30)]
    assert "the whole log: .mlops/logs/toy/train.log" in failure["hint"]
    log = (tiny.home / ".mlops/logs/toy/train.log").read_text()
    assert all(f"line {i}\n" in log for i in range(30))
    said = train(tiny, expect=3)
    assert "stage 'train' failed with exit 7" in said
    assert said.count("| line ") == 20
    assert "the whole log: .mlops/logs/toy/train.log" in said


def test_a_stage_gets_the_users_credentials_and_none_of_the_jobs(stocked: Person) -> None:
    """And DVC pulls and pushes in the same run."""
    ours = ("GITHUB_TOKEN", "MLOPS_CI_APP_PRIVATE_KEY", "MLOPS_CI_KUBECONFIG", "MLOPS_CI_REGISTRY_PASSWORD")
    theirs = ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD")
    variables = {**dict.fromkeys((*ours, *theirs), "x"), "GITHUB_ENV": str(stocked.home.parent / "env")}
    told = "import json, os, pathlib\npathlib.Path('../told.json').write_text(json.dumps(dict(os.environ)))\n"
    stocked.write("prepare.py", told + (stocked.home / "prepare.py").read_text())
    stocked.commit("Tell what a stage is given")
    there = replace(clone(stocked, "other"), environ=variables)
    train(there)
    given = json.loads((stocked.home.parent / "told.json").read_text())
    assert {name for name in theirs if name in given} == set(theirs)
    assert {name for name in (*ours, "GITHUB_ENV") if name in given} == set()
    assert (stocked.home.parent / "remote/runs").is_dir(), "what ran was pushed"


def test_dvcs_advice_is_kept_in_the_log_and_off_the_terminal(stocked: Person) -> None:
    said = train(stocked)
    log = (stocked.home / ".mlops/logs/toy/train.log").read_text()
    for advice in ("git add", "autostage", "Use `dvc push`"):
        assert advice in log
        assert advice not in said
    assert "Running stage 'train'" in said
    assert not [line for line in said.partition("toy:")[0].splitlines() if not line.strip()]


TIMED = "import pathlib, time\npathlib.Path('rows.csv').write_text(str(time.time_ns()))\n"


def test_verify_compares_and_restores_what_every_stage_wrote(stocked: Person) -> None:
    stocked.write("prepare.py", TIMED)
    stocked.commit("Write the time into the rows")
    said = train(stocked, "--verify")
    assert "two trainings wrote different outputs: rows.csv" in said
    assert details(stocked)["unstable_outputs"] == ["rows.csv"]
    dvc(stocked, "status", "-q")


def test_verify_honours_wdir_and_groups(stocked: Person) -> None:
    """Every member of a foreach is compared, below the folder that its stage works in."""
    text = """\
stages:
  train:
    foreach: [a, b]
    do:
      cmd: python ../train.py ${item}
      wdir: work
      deps: [../train.py]
      outs: ["model-${item}"]
"""
    stocked.write("dvc.yaml", text)
    stocked.write("work/.gitignore", "/model-a\n/model-b\n")
    script = """\
import pathlib, sys, time
folder = pathlib.Path("model-" + sys.argv[1])
folder.mkdir()
(folder / "MLmodel").write_text("flavors: {python_function: {loader_module: toy}}")
(folder / "weights").write_text(str(time.time_ns()) if sys.argv[1] == "b" else "1")
"""
    stocked.write("train.py", script)
    rewrite(stocked, "mlops.yaml", "{env", '{model: work/model-a, metrics: "", env')
    stocked.commit("Train two models")
    train(stocked, "--verify")
    assert details(stocked)["unstable_outputs"] == ["work/model-b"]
    assert details(stocked)["metrics"] == {}
    dvc(stocked, "status", "-q")


def test_verify_without_outputs_is_an_error(tiny: Person) -> None:
    text = WITH_DATA.partition("    outs")[0].replace(", rows.csv", "")
    tiny.write("dvc.yaml", text)
    rewrite(tiny, "mlops.yaml", "{env", '{metrics: "", env')
    tiny.commit("Declare no output")
    said = train(tiny, "--verify", expect=2)
    assert "no stage behind 'train' writes an output" in said
    assert tiny.runs() == []
