"""What every place that serves releases must do: each adapter's tests subclass this and bring a `stage`."""

from __future__ import annotations

import concurrent.futures
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError, GateFailed, StaleError
from mlops_ci.io import http
from mlops_ci.ports.deploying import Deployer
from mlops_ci.ports.say import Say
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving
from mlops_ci.stages.smoke import smoke

ENVIRONMENT = "production"


def nothing(line: str) -> None:
    """Say nothing."""


@dataclass
class Stage:
    """A deployer, and two releases `releases[0]`, `releases[1]` whose models answer 1 and 2. `options` are the
    environment's, where a test asks for nothing else."""

    deployer: Deployer
    releases: Sequence[Release]
    sources: Sequence[Path]
    python: Path
    brought: list[str] = field(default_factory=list)
    rows_brought: list[str] = field(default_factory=list)
    say: Say = nothing
    options: Mapping[str, object] = field(default_factory=dict)

    def deploy(
        self,
        index: int,
        *,
        wanted: str = "",
        options: dict[str, object] | None = None,
        sequence: int = 1,
        refuse: str = "",
    ) -> tuple[Serving, bool]:
        """Deploy a release, smoked as the model with the digest `wanted`, its own by default."""
        from mlops_ci.ports.deploying import DeployJob

        release = self.releases[index]

        def bring(into: Path) -> Path:
            from mlops_ci.serving.code import copy_into

            self.brought.append(release.model_digest)
            shutil.copytree(self.sources[index] / "model", into / "model")
            copy_into(into / "code")
            return self.python

        def bring_rows(into: Path) -> None:
            self.rows_brought.append(release.model_digest)
            shutil.copy(self.sources[index] / "smoke.json", into / "smoke.json")

        def check(url: str, kept: Path) -> None:
            rows = smoke(url, name=release.model, digest=wanted or release.model_digest, rows=kept / "smoke.json")
            assert rows == 2

        job = DeployJob(
            release=release,
            environment=ENVIRONMENT,
            options={**self.options, **(options or {})},
            sequence=sequence,
            bring=bring,
            bring_rows=bring_rows,
            smoke=check,
            refuse=refuse,
        )
        return self.deployer.deploy(job, say=self.say)

    def serving(self) -> Serving | None:
        return self.deployer.serving(self.releases[0].model, ENVIRONMENT)

    def answer(self, url: str) -> float:
        """What the model at `url` says."""
        body = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1.0]]}}).encode()
        found = http.call("POST", f"{url}/v1/models/{self.releases[0].model}:predict", body=body)
        assert found.status == 200, found.body
        value: float = json.loads(found.body)["predictions"][0]
        return value


class AnyDeployerContract:
    """What holds as well where a release that follows another begins with a share of the traffic."""

    def test_nothing_is_served_before_the_first_release(self, stage: Stage) -> None:
        assert stage.serving() is None
        assert stage.deployer.recorded(stage.releases[0].model, ENVIRONMENT) == ()
        stage.deployer.delete(stage.releases[0].model, ENVIRONMENT, sequence=None)

    def test_an_earlier_commit_does_not_replace_what_a_later_one_brought(self, stage: Stage) -> None:
        served, _ = stage.deploy(1, sequence=7)
        with pytest.raises(StaleError, match="later commit"):
            stage.deploy(0, sequence=6)
        assert stage.answer(served.url) == 2.0

    def test_an_earlier_commit_does_not_stop_what_a_later_one_brought(self, stage: Stage) -> None:
        served, _ = stage.deploy(0, sequence=7)
        with pytest.raises(StaleError, match="later commit's release serves"):
            stage.deployer.delete(served.release.model, ENVIRONMENT, sequence=6)
        now = stage.serving()
        assert now is not None
        assert (now.release, now.answering) == (stage.releases[0], True)
        assert stage.answer(served.url) == 1.0

    def test_an_earlier_commit_does_not_bring_back_what_a_later_one_removed(self, stage: Stage) -> None:
        served, _ = stage.deploy(0, sequence=6)
        stage.deployer.delete(served.release.model, ENVIRONMENT, sequence=7)
        with pytest.raises(StaleError, match="later commit's run removed what served"):
            stage.deploy(0, sequence=6)
        assert stage.serving() is None
        again, _ = stage.deploy(0, sequence=8)
        assert stage.answer(again.url) == 1.0

    def test_an_earlier_commit_does_not_bring_what_a_later_one_removed_where_nothing_served(self, stage: Stage) -> None:
        model = stage.releases[0].model
        stage.deployer.delete(model, ENVIRONMENT, sequence=7)
        stage.deployer.delete(model, ENVIRONMENT, sequence=5)  # started late: it has nothing to say
        assert stage.serving() is None
        with pytest.raises(StaleError, match="later commit's run removed what served"):
            stage.deploy(0, sequence=6)
        assert stage.serving() is None
        assert stage.brought == []

    def test_a_failed_smoke_leaves_what_served_before(self, stage: Stage) -> None:
        served, _ = stage.deploy(0)
        with pytest.raises(GateFailed, match="serves the model"):
            stage.deploy(1, wanted="0" * 64)
        now = stage.serving()
        assert now is not None
        assert now.release == stage.releases[0]
        assert now.answering
        assert stage.answer(served.url) == 1.0

    def test_two_at_once_take_turns(self, stage: Stage) -> None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            done = list(pool.map(stage.deploy, [0, 0]))
        assert sorted(changed for _, changed in done) == [False, True]
        assert stage.answer(done[0][0].url) == 1.0

    def test_what_is_deleted_is_gone_and_can_come_again(self, stage: Stage) -> None:
        served, _ = stage.deploy(0)
        stage.deployer.delete(served.release.model, ENVIRONMENT, sequence=None)
        assert stage.serving() is None
        with pytest.raises(BackendError, match="no answer"):
            stage.answer(served.url)
        again, _ = stage.deploy(0)
        assert stage.answer(again.url) == 1.0


class DeployerContract(AnyDeployerContract):
    """The suite of those that give all traffic at once."""

    def test_a_release_is_served_again_and_followed_by_the_next_at_one_address(self, stage: Stage) -> None:
        first, changed = stage.deploy(0)
        assert changed
        assert first.answering
        assert first.release == stage.releases[0]
        assert stage.answer(first.url) == 1.0
        again, changed = stage.deploy(0)
        assert (again.url, again.since, changed) == (first.url, first.since, False)
        second, changed = stage.deploy(1)
        assert changed
        assert second.url == first.url
        assert stage.answer(first.url) == 2.0
        assert stage.deployer.recorded(first.release.model, ENVIRONMENT) == (stage.releases[1], stage.releases[0])

        back, changed = stage.deploy(0)
        assert changed
        assert stage.answer(back.url) == 1.0
        digests = [release.model_digest for release in stage.releases]
        assert stage.rows_brought == digests, "a roll back brings nothing"
        assert stage.brought in (digests, []), "nothing twice, and nothing at all where an image or a cluster has it"

    def test_what_was_taken_back_comes_again_only_by_name_or_after_another(self, stage: Stage) -> None:
        bad = stage.releases[1].model_digest
        served, _ = stage.deploy(0, refuse=bad)
        for _ in range(2):
            with pytest.raises(StaleError, match="taken back here") as caught:
                stage.deploy(1)
            assert "rollback --to VERSION --now" in caught.value.hint
            stage.deploy(0)  # what serves already, as every merge does: no word on what was taken back
        assert stage.answer(served.url) == 1.0
        stage.deploy(1, refuse=stage.releases[0].model_digest)
        assert stage.answer(served.url) == 2.0
        with pytest.raises(StaleError, match="taken back here"):
            stage.deploy(0)
        stage.deployer.delete(served.release.model, ENVIRONMENT, sequence=None)
        with pytest.raises(StaleError, match="taken back here"):
            stage.deploy(0)

    def test_what_was_taken_back_may_come_again_once_a_later_commit_wants_what_serves(self, stage: Stage) -> None:
        served, _ = stage.deploy(0, sequence=3, refuse=stage.releases[1].model_digest)
        stage.deploy(0, sequence=4)
        stage.deploy(1, sequence=5)
        assert stage.answer(served.url) == 2.0

    def test_no_request_is_lost_while_releases_change(self, stage: Stage) -> None:
        served, _ = stage.deploy(0)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            changing = pool.submit(stage.deploy, 1)
            answers = []
            while not changing.done():
                answers += list(pool.map(stage.answer, [served.url] * 2))
            changing.result()
        assert set(answers) <= {1.0, 2.0}
        assert stage.answer(served.url) == 2.0
