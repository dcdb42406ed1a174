"""What is kept of releases: whole, checked, and never removed before its successor is there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.backends.keeper.kept_model import ModelAndCode
from mlops_ci.backends.keeper.kept_releases import KEPT, KeptReleases
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.records.models import Release


class Shop:
    """Brings toy releases, each of one small file, and keeps them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.kept = KeptReleases(folder=home / "production", contents=ModelAndCode())
        self.brought = 0
        self.said: list[str] = []
        self.python = sys.executable
        self.fault: Callable[[Path], None] = lambda into: None

    def release(self, name: str) -> Release:
        model = self.home / name / "model"
        model.mkdir(parents=True, exist_ok=True)
        (model / "weights").write_text(name)
        digest = digest_directory(model)
        return Release(model="toy", version=name, model_digest=digest, inputs_digest="0" * 64, run_id=f"run-{name}")

    def bring(self, name: str) -> Path:
        release = self.release(name)

        def bring(into: Path) -> Path:
            self.brought += 1
            shutil.copytree(self.home / name / "model", into / "model")
            (into / "code").mkdir()
            (into / "code/server.py").write_text("")
            self.fault(into)
            return Path(self.python)

        job = DeployJob(
            release=release,
            environment="production",
            options={},
            sequence=1,
            bring=bring,
            bring_rows=lambda into: None,
            smoke=lambda url, kept: None,
        )
        return self.kept.bring(job, self.said.append)

    def serve(self, name: str) -> Path:
        place = self.bring(name)
        self.kept.note(place, self.release(name))
        return place


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def fail(into: Path) -> None:
    raise BackendError("the tracking server is down")


def break_model(place: Path) -> None:
    (place / "model/one more").write_text("")


def break_code(place: Path) -> None:
    (place / "code/server.py").write_text("import os")


def lose_model(place: Path) -> None:
    shutil.rmtree(place / "model")


def link(place: Path) -> None:
    (place / "model/link").symlink_to("weights")


BREAKS = [break_model, break_code, lose_model, link]


@pytest.mark.parametrize("damage", BREAKS)
def test_changed_files_are_brought_anew_and_come_in_whole(shop: Shop, damage: Callable[[Path], None]) -> None:
    place = shop.serve("a")
    damage(place)
    assert shop.serve("a") == place
    assert shop.brought == 2
    assert "were changed: bringing them anew" in shop.said[-1]
    assert digest_directory(place / "model") == shop.release("a").model_digest
    assert [path.name for path in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("damage", BREAKS)
def test_nothing_is_removed_where_they_can_not_be_brought(shop: Shop, damage: Callable[[Path], None]) -> None:
    place = shop.serve("a")
    damage(place)
    before = sorted(place.rglob("*"))
    shop.fault = fail
    with pytest.raises(BackendError, match=r"were changed, and they can't be brought anew: the tracking") as caught:
        shop.bring("a")
    assert "nothing was removed" in caught.value.hint
    assert sorted(place.rglob("*")) == before


def test_what_was_brought_is_checked_before_it_comes_in(shop: Shop) -> None:
    shop.fault = break_model
    with pytest.raises(BackendError, match="has the digest"):
        shop.bring("a")
    assert list((shop.kept.folder / "kept").iterdir()) == []


def test_smoke_rows_may_be_edited(shop: Shop) -> None:
    place = shop.serve("a")
    (place / "smoke.json").write_text("{}")
    shop.bring("a")
    assert shop.brought == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"release": {}}', '{"release": 1, "served": "soon"}'])
def test_a_broken_note_counts_as_none(shop: Shop, content: str) -> None:
    place = shop.serve("a")
    (place / "release.json").write_text(content)
    assert shop.kept.served() == ()
    shop.serve("a")
    assert shop.brought == 2
    assert shop.kept.served() == (shop.release("a"),)


def test_a_python_that_is_gone_is_built_again(shop: Shop, tmp_path: Path) -> None:
    shop.python = str(tmp_path / "python")
    (tmp_path / "python").symlink_to(sys.executable)
    shop.serve("a")
    shop.bring("a")
    assert shop.brought == 1
    (tmp_path / "python").unlink()
    shop.bring("a")
    assert shop.brought == 2
    assert shop.kept.served() == (shop.release("a"),), "it has served, and is not forgotten"


def test_whoever_was_killed_between_the_two_renames_is_made_good(shop: Shop) -> None:
    place = shop.serve("a")
    place.rename(place.with_name(f".{place.name}.old"))
    assert shop.bring("a") == place
    assert shop.brought == 1
    shutil.copytree(place, place.with_name(f".{place.name}.old"))
    shop.bring("a")
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_only_what_has_served_is_told_in_the_order_it_did(shop: Shop) -> None:
    for name in ("a", "b", "a"):
        shop.serve(name)
    shop.bring("c")
    assert [release.version for release in shop.kept.served()] == ["a", "b"]


def test_the_latest_stay(shop: Shop) -> None:
    names = [str(number) for number in range(KEPT + 2)]
    for name in names:
        shop.serve(name)
    shop.bring("never served")
    shop.kept.prune(shop.release("0"))
    assert [release.version for release in shop.kept.served()] == [*names[: -KEPT - 1 : -1], "0"]
    assert len(list((shop.kept.folder / "kept").iterdir())) == KEPT + 1
