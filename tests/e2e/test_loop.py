"""The pull-request loop on a small repository, from the first model to a skipped README."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.e2e.person import Person

Crown = Callable[[Person, str], None]
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_first_better_worse_broken_untouched(toy: Person, crown: Crown) -> None:
    said = toy.mlops("pull-request")
    assert "first" in said.lower()
    assert toy.result("toy", "evaluate")["details"]["verdict"] == "first"
    toy.merge("first")
    crown(toy, "toy")

    toy.branch("better")
    toy.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    toy.commit("Use b as well")
    toy.mlops("train")  # a run that is there before its data was validated keeps the validation all the same
    toy.mlops("pull-request")
    better = toy.result("toy", "evaluate")["details"]
    assert better["verdict"] == "better"
    assert better["metrics"][0]["difference"]["low"] > 0
    toy.merge("better")
    crown(toy, "toy")

    toy.branch("worse")
    toy.write("params.yaml", "C: 1.0\nfeatures: [a]\n")
    toy.commit("Drop b again")
    toy.mlops("pull-request", expect=10)
    worse = toy.result("toy", "evaluate")
    assert worse["details"]["verdict"] == "worse"
    assert worse["status"] == "failed"
    assert toy.result("toy", "train")["details"]["reused"], "the first model had the same inputs"

    toy.git("checkout", "-q", "main")
    toy.branch("broken")
    toy.write("data/train.csv", (toy.home / "data/train.csv").read_text() + "0.1,99.5,1,1\n,0.3,1,0\n")
    toy.commit("Bring rows nobody looked at")
    runs = len(toy.runs())
    said = toy.mlops("pull-request", expect=10)
    assert "99.5" in said
    diff = toy.result("toy", "validate")["details"]["datasets"][0]["diff"]
    assert (diff["champion"], diff["rows_old"], diff["rows_new"]) == ("version 2", 1500, 1502)
    assert len(toy.runs()) == runs, "nothing is trained on broken data"
    assert not (toy.home / ".mlops/results/toy/train.json").exists()

    toy.git("checkout", "-q", "main")
    toy.branch("readme")
    toy.write("README.md", "# toy\n\nMore words.\n")
    toy.commit("Explain")
    started = time.monotonic()
    said = toy.mlops("pull-request")
    assert time.monotonic() - started < 3
    assert "skipped" in said.lower() or "not affected" in said.lower() or "nothing to do" in said.lower()


def test_json_is_alone_on_standard_output(toy: Person) -> None:
    child = toy.start("pull-request", "--json")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    document = json.loads(out)
    assert [result["stage"] for result in document if result["model"] == "toy"][-1] == "evaluate"


def test_a_rerun_trains_nothing_and_says_the_same(toy: Person) -> None:
    toy.mlops("pull-request")
    first = toy.result("toy", "evaluate")["details"]
    toy.mlops("pull-request")
    assert toy.result("toy", "train")["details"]["reused"]
    assert toy.result("toy", "evaluate")["details"]["metrics"] == first["metrics"]
    assert len(toy.runs()) == 1


def test_another_checkout_of_the_same_commit_has_the_same_digest(toy: Person) -> None:
    def digest(person: Person) -> str:
        child = person.start("affected", "--json", "--all")
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        return str(json.loads(out)[0]["inputs_digest"])

    clone = toy.home.parent / "elsewhere" / "clone"
    toy.git("clone", "-q", str(toy.home), str(clone))
    there = Person(clone)
    there.git("fetch", "-q", "origin", "main:main")
    assert digest(there) == digest(toy)
