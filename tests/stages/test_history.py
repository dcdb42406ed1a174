"""What a release file has named over time: where a rollback goes, and what is not proposed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.config import release_file
from mlops_ci.io.git import Git
from mlops_ci.records.models import Release
from mlops_ci.stages.history import earlier, history, named_otherwise, taken_back
from tests.digests.repository import Repository

PATH = "releases/toy/production.yaml"


def release(version: int) -> Release:
    digest = f"{version}" * 64
    return Release(model="toy", version=str(version), model_digest=digest, inputs_digest=digest, run_id=f"r{version}")


@pytest.mark.parametrize(
    ("versions", "back"),
    [
        ([1], []),
        ([1, 2], [1]),
        ([1, 2, 3, 2], [1]),  # 3 was taken back: a second rollback does not bring it back
        ([1, 2, 1], []),
        ([1, 2, 0], [2, 1]),
        ([], []),
    ],
)
def test_a_rollback_goes_before_what_is_named_now(versions: list[int], back: list[int]) -> None:
    seen = [release(version) if version else None for version in reversed(versions)]
    assert [int(found.version) for found in earlier(seen)] == back


@pytest.mark.parametrize(
    ("versions", "wanted", "expected"),
    [
        ([1], 2, False),
        ([1, 2], 2, False),
        ([1, 2, 1], 2, True),
        ([1, 0], 1, True),  # the first promotion, reverted
        ([1, 2, 3], 2, False),  # followed, not taken back
        ([1, 2, 1, 2], 2, False),
        ([], 1, False),
    ],
)
def test_what_was_taken_back_is_known(versions: list[int], wanted: int, expected: bool) -> None:
    seen = [release(version) if version else None for version in reversed(versions)]
    assert taken_back(release(wanted), seen) is expected


def test_a_model_that_was_named_with_other_settings_is_known() -> None:
    one, two = release(1), release(2)
    other = replace(one, serving={"threads": "2"})
    assert not named_otherwise(one, [one, two, None, one])
    assert named_otherwise(one, [one, two, other])
    assert not named_otherwise(two, [one, other])


def test_history_is_read_from_git_through_deletions_and_what_is_no_release(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "repository")
    for version in (1, 2):
        repository.write(PATH, release_file.render(release(version)))
        repository.commit()
    repository.git("rm", "-q", PATH)
    repository.commit()
    repository.write(PATH, "no: release\n")
    repository.commit()
    assert history(Git.open(repository.root), PATH) == (None, None, release(2), release(1))
