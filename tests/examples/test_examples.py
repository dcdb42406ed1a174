"""Both examples, whole: real data, environments of their own, DVC, MLflow and Great Expectations.

The environments are built from the examples' requirements: without a package index, or a cache, these tests skip.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.docs.test_docs import PLAYED
from tests.e2e.person import Person
from tests.examples.clone import ROOT, copy, packages
from tests.processes import until, working_in

__all__ = ["packages"]
pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(1200), pytest.mark.usefixtures("packages")]
CHANGING = (
    r"\d{4}-\d\d-\d\dT[\d:]+Z",
    r"\b[0-9a-f]{12,64}\b",
    r"(?<=127\.0\.0\.1:)\d+",
    r"(?<=on port )\d+",
    r"(\b\d+ min )?\b[\d.]+ s\b",
    r"(?<=smoke row )\d",  # the noise need not reach the first one
)
UNKNOWN_AT_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"}


DEMO = ROOT / "script/demo.py"
PAGES = {
    *("1-first-model.html", "2-grow.html", "3-haste.html", "4-holidays.html", "6-shaken.html"),
    *("7-retraining.md", "9-drift.html"),
}


def test_the_demo_plays_as_announced(tmp_path: Path) -> None:
    done = demo(tmp_path, "--keep")
    said = done.stdout + done.stderr
    found = re.findall(r"script/demo --stop (\S+)$", said, re.M)
    try:
        assert done.returncode == 0, said[-5000:]
        _as_announced(Path(*found) / "flight-delay", said)
        assert working_in(tmp_path), "--keep leaves it serving"
    finally:
        stopped = demo(tmp_path, "--stop", *found)
    assert stopped.returncode == 0, stopped.stderr
    assert not working_in(tmp_path)
    assert not Path(*found).exists()


def _as_announced(home: Path, said: str) -> None:
    assert {path.name for path in (home.parent / "reports").iterdir()} == PAGES
    assert "2014-01-01" in said, "the failing rows are named"
    assert len(Person(home).runs()) == 6, "the broken data trained nothing, and neither did any merge"
    assert said.count("production answers") == 5
    verdicts = [
        run.data.tags["mlops_ci.judgement"] for run in sorted(Person(home).runs(), key=lambda r: r.info.start_time)
    ]
    challengers = ["better", "non-inferior"]
    assert [json.loads(text)["verdict"] for text in verdicts] == ["first", "better", "worse", "better", *challengers]
    (shown,) = re.findall(r"^```text\n(flight-delay: .*)$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert shown in " ".join(said.split()), "the README shows what the demo prints"
    printed = alike(said)
    for page in PLAYED:
        for block in re.findall(r"^```text\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S):
            assert [line for line in block.splitlines() if alike(line) not in printed] == [], page
    _the_circle_is_closed(home, said)
    _nothing_leaks(home)


def _the_circle_is_closed(home: Path, said: str) -> None:
    """One pull request for all of the drift, merged; what it brought is what the audit finds in production."""
    pulls = [json.loads(path.read_text()) for path in (home / ".mlops/forge").rglob("*.json")]
    retrained = [pull for pull in pulls if pull.get("branch") == "mlops-ci/retrain/flight-delay"]
    assert [pull["state"] for pull in retrained] == ["merged"]
    audited = said.partition("mlops-ci audit")[2]
    assert "judged        non-inferior" in audited
    assert "approved by   mlops-ci demo" in audited
    assert "Retrain flight-delay: drift in mlops_prediction_0, mlops_prediction_1 (#3)" in audited
    released = (home / "releases/flight-delay/production.yaml").read_text()
    (version,) = re.findall(r"served +version (\d+) ", audited)
    assert f'version: "{version}"' in released


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, DEMO], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    until(child, "$ mlops-ci pull-request", answer=True)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert not working_in(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_demo_says_what_its_github_lacks(tmp_path: Path) -> None:
    done = demo(tmp_path, "--github", MLOPS_CI_CACHE=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "script/github-api" in done.stderr
    assert not list(tmp_path.iterdir())


def demo(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """script/demo, whose temporary files are in a folder."""
    env = {**os.environ, "TMPDIR": str(folder), **environ}
    return subprocess.run([sys.executable, DEMO, *words], env=env, capture_output=True, text=True)


def alike(text: str) -> str:
    """What was printed, on one line, without what differs from run to run."""
    for changing in CHANGING:
        text = re.sub(changing, "?", text)
    return " ".join(text.split())


def _nothing_leaks(home: Path) -> None:
    """The months are apart, and the model reads no column that is known only after departure."""
    names = ("train", "holdout", "newest")
    train, holdout, newest = (pd.read_parquet(home / f"data/{name}.parquet") for name in names)
    assert [set(frame["month"]) for frame in (train, holdout, newest)] == [{5, 6, 7}, {4}, {8}]
    signature = yaml.safe_load((home / "model/MLmodel").read_text())["signature"]
    inputs = {column["name"] for column in json.loads(signature["inputs"])}
    assert inputs
    assert not inputs & {*UNKNOWN_AT_DEPARTURE, "delayed"}
    assert not set(train.columns) & UNKNOWN_AT_DEPARTURE


def test_two_models_in_one_repository_are_judged_each_on_its_own(tmp_path: Path) -> None:
    person = copy("diamonds", tmp_path / "diamonds")
    person.mlops("pull-request")
    for model in ("diamond-price", "diamond-cut"):
        assert person.result(model, "evaluate")["details"]["verdict"] == "first"
        assert (person.home / f".mlops/reports/{model}.html").stat().st_size < 1_500_000
    person.merge("first")
    person.branch("second")
    params = person.home / "price/params.yaml"
    params.write_text(params.read_text().replace("iterations: 60", "iterations: 61"))
    person.commit("Tune the price")
    child = person.start("affected", "--json")
    affected = {item["model"]: item["affected"] for item in json.loads(child.communicate(timeout=60)[0])}
    assert affected == {"diamond-price": True, "diamond-cut": False}
