"""`mlops-ci score` at the command line: the release is found, checked, and scores with the tracking server down."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
from pyarrow import parquet

from tests.e2e.person import Person
from tests.e2e.shop import DOWN, TRACKING, flat
from tests.e2e.toy import config

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ROWS = ("--input", "data/holdout.csv", "--keep", "c")


@pytest.fixture
def shop(toy: Person) -> Iterator[Person]:
    """The toy, served in production."""
    toy.write("mlops.yaml", config(sys.executable).replace("version: 1\n", f"version: 1\n{TRACKING}"))
    toy.commit("Name the store")
    toy.mlops("pull-request")
    toy.merge("first")
    toy.mlops("merge")
    yield toy
    toy.mlops("serve", "stop", "--all")


def test_what_is_released_scores(shop: Person) -> None:
    digest = shop.result("toy", "register")["details"]["model_digest"]
    said = flat(shop.mlops("score", "--release", "production", *ROWS, "--output", "out", "--dry-run", "--json"))
    assert "an unknown number of rows in 1 file, with version 1 of toy into out" in said
    assert not (shop.home / "out").exists()

    assert "1,500 rows with version 1 into out" in flat(
        shop.mlops("score", "--release", "toy/production", *ROWS, "--output", "out")
    )
    result = shop.result("toy", "score")
    assert (result["status"], result["details"]["rows"], result["details"]["model_digest"]) == ("passed", 1500, digest)
    schema = parquet.read_schema(shop.home / "out/part-00000-00000.parquet")
    assert schema.names == ["c", "prediction", "probability_0", "probability_1"]
    assert schema.metadata[b"mlops_ci.model_digest"].decode() == digest
    assert len(pd.read_parquet(shop.home / "out/part-00000-00000.parquet")) == 1500

    away = Person(shop.home, DOWN)
    assert "1 of 1 parts were there already" in flat(
        away.mlops("score", "--release", "production", *ROWS, "--output", "out")
    )
    away.mlops("score", "--release", "production", *ROWS, "--output", "down.parquet")
    assert len(pd.read_parquet(shop.home / "down.parquet")) == 1500, (
        "what is kept to be served needs no tracking server"
    )

    shutil.rmtree(shop.home / ".mlops/serving/toy/production/kept")
    assert "MLflow at" in flat(away.mlops("score", "--version", "1", *ROWS, "--output", "far", expect=3))
    shop.mlops("score", "--version", "1", *ROWS, "--output", "far", "--json")
    assert json.loads((shop.home / "far/_mlops_ci.json").read_text())["complete"]
    (model,) = (shop.home / ".mlops/artifacts").rglob("MLmodel")
    (model.parent / "one more").write_text("")
    said = flat(shop.mlops("score", "--version", "1", *ROWS, "--output", "other", expect=11))
    assert "the stored model is not the one that was released" in said
    assert not (shop.home / "other").exists()


def test_what_can_not_be_meant_is_told(toy: Person) -> None:
    def refused(*words: str, code: int = 2) -> str:
        return flat(toy.mlops("score", *words, "--output", "out", expect=code))

    assert "either --release or --version" in refused(*ROWS)
    assert "toy has no environment 'prodution' did you mean 'production'" in refused("--release", "prodution", *ROWS)
    assert "nothing is released in production for toy" in refused("--release", "production", *ROWS)
    assert "the registry has no version 7 of toy" in refused("--version", "7", *ROWS)
    assert "could not read the release file" in refused("--release", "no.yaml", *ROWS)
    assert "names the model toy, and --model other" in refused("--release", "toy/production", "--model", "other", *ROWS)
