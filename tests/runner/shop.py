"""A model repository at GitHub whose workflows run here: people who push and open, and what the runner then does."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from mlops_ci.backends.github.forge import GitHubForge
from mlops_ci.records.forge import NewPull
from mlops_ci.records.github import TokenKind
from tests.backends.github_place import PEOPLE, TOKEN, GitHubPlace, github
from tests.e2e.person import Person
from tests.e2e.test_retrain import dvc
from tests.e2e.toy import config, first_model
from tests.github import events
from tests.github.hub import Comment, Pull, Repo
from tests.github.hub import Run as Ended
from tests.runner import parts, standins
from tests.runner.act import Act, Run
from tests.runner.checkers import OWN, ROOT

ANN = "ghp_ann0123456789"
SECRETS = {"MLFLOW_TRACKING_USERNAME": "tracking-user", "MLFLOW_TRACKING_PASSWORD": "s3cret-of-the-tracking"}
VALIDATE = "    validate:\n      - {data: data/train.csv, suite: expectations/rows.json}\n"
PLACES = "staging: {}\n      production: {requires: {verified_in: staging}}"


def own_tree(folder: Path) -> Path:
    """This repository as an action's: what git knows and what is new, as it stands, without environments."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True).stdout.decode().split("\0")
    kept = ("action.yml", "actions/", "bin/", "mlops_ci/", "script/", "pyproject.toml", "uv.lock", ".github/")
    for name in names:
        if name.startswith(kept) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def compiled(tree: Path) -> None:
    """Compile our package: the runner copies it for every job, as GitHub's does, and each job would do so anew."""
    words = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(tree / "mlops_ci")]
    subprocess.run([sys.executable, *words], check=True)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What all runs share: the runner, the folder of programs that its jobs find, and where our actions set up."""

    act: Act
    path: str
    home: Path

    @classmethod
    def prepared(cls, folder: Path, cache: Path, *, quick: bool = False) -> Machine:
        """The built runner with this checkout as our actions, compiled where it is to be quick rather than as at
        GitHub; `cache` is kept from run to run.

        What our actions set up is kept from session to session, as the tool cache of a self-hosted runner is.
        """
        own = own_tree(folder / "own")
        if quick:
            compiled(own)
        actions = {f"{OWN}@v1": own, **standins.written(folder / "others")}
        act = Act(program=parts.program(parts.home(os.environ), "act"), cache=cache, actions=actions)
        home = Path(os.environ["MLOPS_CI_CACHE"]) / "actions"
        return cls(act=act, path=machine_path(folder / "bin"), home=home)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A person's clone, its repository at GitHub, and the runner. `folder` holds what outlives a job."""

    person: Person
    place: GitHubPlace
    machine: Machine
    folder: Path
    runs: count[int] = field(default_factory=count)

    @property
    def repo(self) -> Repo:
        return self.place.repo

    @property
    def tracking(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def push(self, branch: str) -> None:
        self.person.git("push", "-q", "--force", "origin", branch)

    @property
    def ann(self) -> GitHubForge:
        """Ann's hands at GitHub."""
        return replace(self.place, token=ANN, kind=TokenKind.PERSONAL).forge

    def open(self, branch: str, title: str) -> Pull:
        """Ann pushes a branch and opens its pull request."""
        self.push(branch)
        return self.repo.pulls[self.ann.open(NewPull(branch=branch, base="main", title=title, body="")).number]

    def merge(self, pull: Pull) -> str:
        """Ann merges; the commit of `main` before."""
        before = self.repo.bare.tip("main")
        self.ann.merge(pull.number, head=self.repo.bare.tip(pull.branch))
        self.person.git("checkout", "-q", "main")
        self.person.git("pull", "-q", "--ff-only", "origin", "main")
        return before

    def pull_request(self, pull: Pull, action: str, **given: Any) -> Run:
        """What pull-request.yml does with a pull request as it is now."""
        payload = events.pull_request(self.place.server, self.repo, pull, action)
        return self.run(
            "pull_request", payload, "pull-request.yml", payload["pull_request"]["merge_commit_sha"], **given
        )

    def queued(self, pull: Pull) -> Run:
        """What pull-request.yml does with a pull request in the merge queue."""
        payload = events.merge_group(self.place.server, self.repo, pull)
        return self.run("merge_group", payload, "pull-request.yml", payload["merge_group"]["head_sha"])

    def reconciled(self) -> Run:
        """What reconcile.yml does with `main` when its time has come."""
        payload = events.schedule(self.place.server, self.repo, "7/15 * * * *")
        return self.run("schedule", payload, "reconcile.yml", self.repo.bare.tip("main"))

    def pushed(self, before: str, workflow: str = "merge.yml", *, at: str = "") -> Run:
        """What a workflow does with `main` as it is now, or was `at` a commit, after it was at `before`."""
        payload = events.push(self.place.server, self.repo, "main", before=before, login="ann")
        commit = at or payload["after"]
        return self.run("push", {**payload, "after": commit}, workflow, commit)

    def forked(self, pull: Pull, branch: str) -> None:
        """From now on the branch is a stranger's repository's."""
        pull.owner = "stranger"
        self.repo.bare.git("update-ref", "-d", f"refs/heads/{branch}")

    def published(self, pull: Pull, conclusion: str) -> Run:
        """What publish.yml does when a run of a fork's pull request has ended."""
        stored = Ended(
            id=self.place.hub.fresh(),
            head=pull.head,
            branch=pull.branch,
            repository=f"{pull.owner}/{self.repo.name}",
            conclusion=conclusion,
            artifacts={
                number: (path.name, zipped(path)) for number, path in enumerate(sorted(self.artifacts.iterdir()), 1)
            },
        )
        self.repo.runs[stored.id] = stored
        payload = events.workflow_run(self.place.server, self.repo, stored)
        return self.run("workflow_run", payload, "publish.yml", self.repo.bare.tip("main"))

    def run(
        self,
        event: str,
        payload: Mapping[str, Any],
        workflow: str,
        commit: str,
        *,
        secrets: Mapping[str, str] = SECRETS,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        """One run of the repository's own copy of a workflow at a commit; `variables` in place of its own."""
        checkout = self.folder / f"run-{next(self.runs)}"
        bare = self.repo.bare
        subprocess.run(["git", "clone", "-q", "--no-checkout", bare.path, checkout], check=True)
        Person(checkout).git("fetch", "-q", "origin", commit)
        Person(checkout).git("checkout", "-q", "-B", "main", commit)
        Person(checkout).git("remote", "set-url", "origin", f"https://github.com/{self.repo.full_name}.git")
        server = self.place.server
        environ = {
            "GITHUB_API_URL": server.api_url,
            "GITHUB_GRAPHQL_URL": server.graphql_url,
            "MLOPS_CI_HOME": str(self.machine.home),
            "NO_PROXY": "127.0.0.1",
            "PATH": self.machine.path,
            "RUNNER_TEST_SERVER": server.address,
            "RUNNER_TEST_ARTIFACTS": str(self.artifacts),
            "RUNNER_TEST_KEPT": str(self.folder / "kept"),
        }
        return self.machine.act.run(
            event,
            payload,
            f".github/workflows/{workflow}",
            checkout=checkout,
            environ=environ,
            secrets={"GITHUB_TOKEN": TOKEN, **secrets},
            variables={"MLFLOW_TRACKING_URI": self.tracking} if variables is None else variables,
        )

    def comments(self, pull: Pull) -> list[Comment]:
        """What we have said in a pull request."""
        return [comment for comment in pull.comments if comment.login == "github-actions[bot]"]

    def served(self) -> dict[str, str]:
        """Environment → the model digest that serves there."""
        child = self.person.start("serve", "ps", "--json")
        found: list[dict[str, Any]] = json.loads(child.communicate(timeout=60)[0])
        return {item["environment"]: item["release"]["model_digest"] for item in found}


@contextmanager
def opened(folder: Path, machine: Machine) -> Iterator[Shop]:
    """The toy on a branch `first`, its `main` with the workflows alone; whatever it serves is stopped at the end."""
    person = first_model(folder / "toy")
    person.git("checkout", "-q", "main")
    for path in (ROOT / "workflows").glob("*.yml"):
        person.write(f".github/workflows/{path.name}", path.read_text("utf-8"))
    person.commit("Bring the workflows")
    person.git("checkout", "-q", "first")
    person.git("rebase", "-q", "main")
    configure(person, folder / "models", validated=True)
    person.commit("Serve in two environments")
    keep_outside(person, folder / "store")
    (folder / "kept").mkdir()
    (person.home / ".mlops").mkdir()
    (person.home / ".mlops/.gitignore").write_text("*\n")
    (person.home / ".mlops/serving").symlink_to(folder / "kept")
    with github(folder / "github") as place:
        repo = place.hub.repository("toy", people=PEOPLE)
        place.hub.token(ANN, "ann")
        person.git("remote", "add", "origin", f"{place.server.address}/acme/toy.git")
        person.git("push", "-q", "origin", "main")
        shop = Shop(person=person, place=replace(place, repo=repo), machine=machine, folder=folder)
        shop = replace(shop, person=replace(person, environ={"MLFLOW_TRACKING_URI": shop.tracking}))
        try:
            yield shop
        finally:
            shop.person.mlops("serve", "stop", "--all")


def keep_outside(person: Person, store: Path) -> None:
    """The tables at a DVC remote and not in git: a job has them, and what another one trained, from there alone."""
    tables = ("data/train.csv", "data/holdout.csv")
    person.write(".dvc/config", f"[core]\n    remote = store\n['remote \"store\"']\n    url = {store}\n")
    person.git("rm", "-q", "--cached", *tables)
    dvc(person, "add", *tables)
    dvc(person, "push", "-q")
    person.git("add", "-A", "data", ".dvc/config")
    person.git("commit", "-qm", "Keep the data outside of git")


def configure(person: Person, artifacts: Path, *, least: float = 0.6, validated: bool = False) -> None:
    """The toy in two environments, with a shared store of runs; checking its data takes as long as all the rest."""
    text = config(sys.executable, least=least).replace("production: {target: local}", PLACES)
    text = text if validated else text.replace(VALIDATE, "")
    uri = "${MLFLOW_TRACKING_URI:-sqlite:///.mlops/mlflow.db}"
    tracking = f'tracking: {{uri: "{uri}", artifacts: "{artifacts.as_uri()}"}}\n'
    person.write("mlops.yaml", text.replace("version: 1\n", f"version: 1\n{tracking}"))


def zipped(folder: Path) -> bytes:
    """An artifact as GitHub keeps it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return made.getvalue()


def machine_path(folder: Path) -> str:
    """A PATH with uv and the rest of the machine, and nothing of our development environment."""
    folder.mkdir()
    (folder / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    own = str(Path(sys.executable).parent)
    rest = [part for part in os.environ["PATH"].split(os.pathsep) if part != own]
    return os.pathsep.join([str(folder), *rest])
