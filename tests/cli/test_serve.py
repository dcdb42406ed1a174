"""`mlops-ci serve stop` says what it did: stopped what served, or found nothing that did."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.io import files
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels: {toy: {environments: {staging: {target: local}, production: {target: local}}}}\n"
RELEASE = Release(model="toy", version="1", model_digest="1" * 64, inputs_digest="2" * 64, run_id="3" * 32)


def test_stop_says_what_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Repository.create(tmp_path / "r")
    made.write("mlops.yaml", CONFIG)
    made.commit("Config")
    monkeypatch.chdir(made.root)
    staging = made.root / ".mlops/serving/toy/staging"
    staging.mkdir(parents=True)
    files.write_json(staging / "serving.json", {"release": encode(RELEASE), "since": "today", "port": 1})

    assert run(["serve", "stop", "--all"]) == 0
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "toy is not served in production",
        "toy: stopped in staging",
    ]
    assert run(["serve", "stop", "toy", "staging"]) == 0
    assert capsys.readouterr().err.splitlines() == ["toy is not served in staging"]
