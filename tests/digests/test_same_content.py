"""However a branch comes to the default branch, the same content is the same inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.digests.repository import Repository

WAYS = {
    "squash": ("merge -q --squash topic", "commit -qm Squashed"),
    "rebase": ("checkout -q topic", "rebase -q main", "checkout -q main", "merge -q --ff-only topic"),
    "merge commit": ("merge -q --no-ff -m Merged topic",),
    "merge queue": (
        "checkout -qb gh-readonly-queue/main/pr-2-abc main",
        "merge -q --no-ff -m Queued topic",
        "checkout -q main",
        "merge -q --ff-only gh-readonly-queue/main/pr-2-abc",
    ),
    "cherry-pick": ("cherry-pick main..topic",),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_merge_is_the_same_inputs(tmp_path: Path, way: str) -> None:
    repository = Repository.create(tmp_path / "r").pipeline()
    before = repository.digest()
    repository.git("checkout", "-qb", "topic")
    for step in ("one", "two"):
        repository.write("train.py", f"print('{step}')\n")
        repository.commit(step)
    judged = repository.digest()
    repository.git("checkout", "-q", "main")
    repository.write("README.md", "main has moved on\n")
    repository.commit("Write")
    for words in WAYS[way]:
        repository.git(*words.split())
    assert repository.git("branch", "--show-current") == "main"
    assert repository.digest() == judged != before
