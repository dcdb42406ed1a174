"""Both examples, whole: real data, environments of their own, DVC, MLflow and Great Expectations.

The environments are built from the examples' requirements: without a package index, or a cache, these tests skip.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.docs.test_docs import PLAYED
from tests.e2e.person import Person
from tests.examples.clone import ROOT, copy, packages
from tests.processes import working_in

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


def test_the_demo_plays_as_announced(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "script/demo.py"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    (home,) = tmp_path.glob("mlops-ci-demo-*/flight-delay")
    pages = {path.name for path in (home / ".mlops/reports").glob("*.html")}
    assert pages == {"1-first-model.html", "2-grow.html", "3-haste.html", "4-holidays.html", "6-shaken.html"}
    assert "2014-01-01" in said, "the failing rows are named"
    assert len(Person(home).runs()) == 4, "the broken data trained nothing, and neither did any merge"
    assert said.count("production answers") == 4
    assert not working_in(tmp_path), "what the demo served is stopped"
    verdicts = [
        run.data.tags["mlops_ci.judgement"] for run in sorted(Person(home).runs(), key=lambda r: r.info.start_time)
    ]
    assert [json.loads(text)["verdict"] for text in verdicts] == ["first", "better", "worse", "better"]
    (shown,) = re.findall(r"^```text\n(flight-delay: .*)$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert shown in " ".join(said.split()), "the README shows what the demo prints"
    printed = alike(said)
    for page in PLAYED:
        for block in re.findall(r"^```text\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S):
            assert [line for line in block.splitlines() if alike(line) not in printed] == [], page
    _nothing_leaks(home)


def alike(text: str) -> str:
    """What was printed, on one line, without what differs from run to run."""
    for changing in CHANGING:
        text = re.sub(changing, "?", text)
    return " ".join(text.split())


def _nothing_leaks(home: Path) -> None:
    """The months are apart, and the model reads no column that is known only after departure."""
    train, holdout = (pd.read_parquet(home / f"data/{name}.parquet") for name in ("train", "holdout"))
    assert set(train["month"]) == {1, 2, 3}
    assert set(holdout["month"]) == {4}
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
