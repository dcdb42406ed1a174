"""The runner for all tests of a session, and a repository at GitHub for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.github_place import PEOPLE, github
from tests.e2e.toy import first_model
from tests.runner import parts, standins
from tests.runner.act import Act
from tests.runner.checkers import OWN
from tests.runner.shop import Machine, Shop, machine_path, own_tree, prepare


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Skips where script/runner-tools has not been run. Workers of one test run share what our actions install."""
    built = parts.home(os.environ)
    if missing := parts.missing(built):
        pytest.skip(f"{parts.COMMAND} has not been run: no {missing[0]}")
    folder, shared = tmp_path_factory.mktemp("runner"), tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    actions = {f"{OWN}@v1": own_tree(folder / "own"), **standins.written(folder / "others")}
    act = Act(program=parts.program(built, "act"), cache=shared / "act", actions=actions)
    return Machine(act=act, path=machine_path(folder / "bin"))


@pytest.fixture(scope="module")
def shop(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The toy on a branch `first`, whose `main` has a README alone; whatever it serves is stopped at the end."""
    folder = tmp_path_factory.mktemp("shop")
    person = first_model(folder / "toy")
    prepare(person, folder / "models")
    person.commit("Bring the workflows")
    (folder / "kept").mkdir()
    with github(folder / "github") as place:
        repo = place.hub.repository("toy", people=PEOPLE)
        person.git("remote", "add", "origin", f"{place.server.address}/acme/toy.git")
        person.git("push", "-q", "origin", "main")
        made = Shop(person=person, place=replace(place, repo=repo), machine=machine, folder=folder)
        made = replace(made, person=replace(person, environ={"MLFLOW_TRACKING_URI": made.tracking}))
        yield made
        made.served()
        made.person.mlops("serve", "stop", "--all")
