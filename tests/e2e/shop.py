"""The toy model in two environments: what is served, what is said, and copies of a repository that has come so far."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

from mlops_ci.io import http
from tests.e2e.person import Person
from tests.e2e.toy import config, crowned, first_model, params

DOWN = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
TRACKING = 'tracking: {uri: "${MLFLOW_TRACKING_URI:-sqlite:///.mlops/mlflow.db}"}\n'
WANTS = "{verified_in: staging, approvals: 1}"
PATHS = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"))


def two_environments(toy: Person, wants: str = WANTS) -> None:
    """Serve the toy in staging, and in production what `wants` lets there."""
    places = f"staging: {{}}\n      production: {{requires: {wants}}}"
    text = config(sys.executable).replace("production: {target: local}", places)
    toy.write("mlops.yaml", text.replace("version: 1\n", f"version: 1\n{TRACKING}"))
    toy.commit("Serve in two environments")


def begun(home: Path) -> Path:
    """The toy in two environments, whose first model is judged and merged, and not shipped yet."""
    toy = first_model(home)
    two_environments(toy)
    toy.mlops("pull-request")
    toy.merge("first")
    return home


def opened(start: Path, home: Path) -> Path:
    """What has begun goes on: its first model is version 1, served in staging, production's champion, and proposed
    for production.

    Three branches were judged against it: `better` is, `near` is as good as that, `noise` is no worse than version 1
    and far worse than the others. Nothing serves while it is copied.
    """
    toy = copied(start, home)
    toy.mlops("merge")
    crowned(toy, "toy")
    toy.mlops("serve", "stop", "--all")
    for name, features, c in (("better", "ab", 1.0), ("near", "ab", 1.01), ("noise", "ac", 1.0)):
        toy.branch(name)
        toy.write("params.yaml", params(features, c=c))
        toy.commit(f"Try {name}")
        toy.mlops("pull-request")
        toy.git("checkout", "-q", "main")
    return home


def copied(template: Path, home: Path) -> Person:
    """A repository of its own that has come as far as the template, whose servers are stopped."""
    shutil.copytree(template, home, symlinks=True)
    with sqlite3.connect(home / ".mlops/mlflow.db") as database:
        for table, column in PATHS:
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(template), str(home)))
    database.close()
    for path in (home / ".mlops/serving").rglob("serving.json"):
        noted = json.loads(path.read_text())
        path.write_text(json.dumps({**noted, "port": 0}))  # two copies at once can't have one
    return Person(home)


def flat(text: str) -> str:
    """What was said, on one line: where a terminal breaks it is not what a test is about."""
    return " ".join(text.split())


def serving(shop: Person) -> dict[str, dict[str, Any]]:
    """What `serve ps` says, by environment."""
    child = shop.start("serve", "ps", "--json")
    found: list[dict[str, Any]] = json.loads(child.communicate(timeout=60)[0])
    return {item["environment"]: item for item in found}


def served(shop: Person, environment: str) -> dict[str, Any]:
    """What `serve ps` says of an environment."""
    return serving(shop)[environment]


def ask(url: str) -> tuple[str, int]:
    """(the model digest that answered, the status)."""
    body = json.dumps({"dataframe_records": [{"a": 0.5, "b": -1.0, "c": 1}]}).encode()
    answer = http.call("POST", f"{url}/v1/models/toy:predict", body=body)
    return answer.headers["x-mlops-model-digest"], answer.status


def document(shop: Person, *words: str, expect: int = 0) -> Any:
    """What a command prints with --json."""
    child = shop.start(*words, "--json")
    out, err = child.communicate(timeout=120)
    assert child.returncode == expect, err
    return json.loads(out)
