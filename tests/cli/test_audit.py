"""`mlops-ci audit`, from the command line, in a real repository."""

from __future__ import annotations

import json

import pytest

from mlops_ci.cli.main import run
from tests.stages.ledger import ANN, Ledger, copied, found

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Out = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Version 1 in production since the 10th of January, 2026."""
    home = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        made = copied(found(home / "founded"), home / "shop", patch)
        made.at("2026-01-10T12:00").name(1, approved=f"{ANN}\x1b[31m")
        made.at("2026-01-10T12:05").point(1)
    return made


def said(out: Out, *words: str, code: int = 0) -> str:
    assert run(["audit", *words]) == code
    told = out.readouterr()
    return told.out if code == 0 else told.err


@pytest.fixture(autouse=True)
def _there(shop: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.repository.root)


def test_a_person_reads_the_answer_first(shop: Ledger, capsys: Out) -> None:
    version = shop.version(1)
    brought = shop.repository.git("rev-parse", "--short=12", "HEAD")
    assert said(capsys, "--at", "2026-01-31", "--environment", "production").splitlines() == [
        "toy in production at 2026-01-31T23:59:59Z",
        f"  served        version 1 (model {version.model_digest[:12]}) since 2026-01-10T12:05:00Z",
        f"  git wanted    version 1 (model {version.model_digest[:12]}) since 2026-01-10T12:00:00Z",
        f"  brought by    {brought} Promote toy version 1",
        "                committed 2026-01-10T12:00:00Z by A Tester <tester@example.com>",
        f"  approved by   {ANN}",
        f"  code          {version.tags['commit']}",
        f"  inputs        {version.inputs_digest}",
        f"  run           {version.run_id}",
        "  judged        better, by rules aaaaaaaaaaaa",
        "  holdout       h1",
        "  data          d.csv  md5:1",
        "                kept.csv  git:3",
    ]


def test_nothing_is_one_word(capsys: Out) -> None:
    text = said(capsys, "--at", "2026-01-09", "-e", "production")
    assert "  served        nothing, until 2026-01-10T12:05:00Z" in text
    assert "approved" not in text


def test_machines_read_a_document(shop: Ledger, capsys: Out) -> None:
    rows = json.loads(said(capsys, "--at", "2026-01-31", "--json"))
    assert [(row["model"], row["environment"]) for row in rows] == [("toy", "staging"), ("toy", "production")]
    assert rows[0]["served"]["known"] == "nothing"
    assert rows[1]["served"] == {
        "known": "release",
        "model_digest": shop.version(1).model_digest,
        "version": "1",
        "since": "2026-01-10T12:05:00.000000Z",
        "until": "",
        "why": "",
    }
    assert rows[1]["facts"]["data"] == {"d.csv": "md5:1", "kept.csv": "git:3"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--at", "2999-01-01"), "2999-01-01 is still to come"),
        (("--at", "soon"), "'soon' is no date"),
        (("--at", "2026-01-31", "-e", "prodction"), "there is no environment 'prodction', and was none then"),
        (("--at", "2026-01-31", "-m", "tow"), "there is no model 'tow', and was none then"),
    ],
)
def test_what_can_not_be_asked(capsys: Out, words: tuple[str, ...], error: str) -> None:
    assert error in said(capsys, *words, code=2)
