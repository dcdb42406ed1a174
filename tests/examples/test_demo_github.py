"""Where `script/demo --github` has its pull requests; what is judged in them is the same as without it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from tests.examples.clone import ROOT


@pytest.mark.slow
def test_people_and_the_workflow_meet_in_pull_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "script")
    hub, repository = import_module("playing.hub"), import_module("playing.repository")
    if lacking := hub.missing():
        pytest.skip(lacking)
    demo = repository.Demo(tmp_path / "flight-delay")
    demo.home.mkdir()
    import_module("demo").begin(demo)
    with hub.at_github(demo) as pulls:
        demo.git("checkout", "-qb", "words")
        (demo.home / "README.md").write_text("# Flights\n")
        demo.git("commit", "-qam", "Say it in other words")
        pulls.propose("words", "Say it in other words")
        assert pulls.number("words") == 1
        told = json.loads(Path(pulls.environ["GITHUB_EVENT_PATH"]).read_text())["pull_request"]
        assert (told["number"], told["user"]["login"]) == (1, "ann")
        assert told["head"]["sha"] == demo.git("rev-parse", "words")

        pulls.merge_branch("words")
        assert demo.git("log", "-1", "--format=%s") == "Say it in other words (#1)"
        assert "GITHUB_EVENT_PATH" not in pulls.environ
        with pytest.raises(Exception, match="no pull request is open on words"):
            pulls.number("words")
        assert not pulls.server.violations
