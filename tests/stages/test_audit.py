"""What served on a date: told by git and the registry's journal, unknown where neither can know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.config import release_file
from mlops_ci.errors import RepositoryError
from mlops_ci.io.git import Git
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.audit import Audited, Known
from mlops_ci.records.forge import NewPull, PullRequest, PullState
from mlops_ci.stages.approvals import approved, note_approvals
from mlops_ci.stages.past import CLOCKS, Past
from tests.backends.forge_place import HUMAN
from tests.digests.repository import Repository
from tests.stages.ledger import ANN, DEEPER, Ledger, copied, found

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        return found(tmp_path_factory.mktemp("founded") / "shop")


@pytest.fixture
def shop(founded: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return copied(founded, tmp_path / "shop", monkeypatch)


@pytest.fixture
def promoted(shop: Ledger) -> Ledger:
    """Version 1 in production from the 10th of January on, version 2 from the 20th, each smoked five minutes later."""
    for number, day in ((1, "10"), (2, "20")):
        shop.at(f"2026-01-{day}T12:00").name(number)
        shop.at(f"2026-01-{day}T12:05").point(number)
    return shop


def versions(row: Audited) -> tuple[str, str]:
    """(what served, what git wanted), as versions, or why there is none."""
    served, wanted = (claim.version or claim.known.value for claim in (row.served, row.wanted))
    return served, wanted


def test_all_that_is_on_record_is_told(promoted: Ledger) -> None:
    row = promoted.ask("2026-01-15")
    assert versions(row) == ("1", "1")
    assert (row.served.since, row.served.until) == ("2026-01-10T12:05:00.000000Z", "2026-01-20T12:05:00.000000Z")
    assert (row.wanted.since, row.wanted.until) == ("2026-01-10T12:00:00Z", "2026-01-20T12:00:00Z")
    assert row.landing is not None
    assert row.landing.approved == (ANN,)
    assert row.landing.subject == "Promote toy version 1"
    assert row.landing.commit == promoted.repository.git("rev-parse", "HEAD^")
    version = promoted.version(1)
    assert row.facts is not None
    assert (row.facts.run_id, row.facts.inputs_digest) == (version.run_id, version.inputs_digest)
    assert (row.facts.commit, row.facts.verdict) == (version.tags["commit"], "better")
    assert (row.facts.holdout, row.facts.judgement) == ("h1", "a" * 64)
    assert row.facts.data == {"d.csv": "md5:1", "kept.csv": "git:3"}, "code is told by its commit"
    assert row.notes == ()


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2025-12-31", ("nothing", "nothing")),  # before the repository
        ("2026-01-09", ("nothing", "nothing")),  # before the first release
        ("2026-01-10T12:03Z", ("nothing", "1")),  # merged, not served yet
        ("2026-01-10", ("1", "1")),
        ("2026-01-20T12:03Z", ("1", "2")),
        ("2026-01-20T14:03+02:00", ("1", "2")),
        ("2026-01-20T12:05:00Z", ("2", "2")),
        ("2026-12-30", ("2", "2")),
    ],
)
def test_each_moment_has_its_release(promoted: Ledger, when: str, expected: tuple[str, str]) -> None:
    assert versions(promoted.ask(when)) == expected


def test_what_serves_while_git_wants_another_is_told_with_who_brought_it(promoted: Ledger) -> None:
    row = promoted.ask("2026-01-20T12:03Z")
    assert row.landing is not None and row.landing.subject == "Promote toy version 1"
    assert row.facts is not None and row.facts.run_id == promoted.version(1).run_id
    assert row.notes == (
        "git wanted version 2, which was not what served; the alias moved on at 2026-01-20T12:05:00.000000Z",
    )


def test_two_moves_on_one_day_are_told_apart(promoted: Ledger) -> None:
    promoted.at("2026-01-20T18:00").name(1)
    promoted.at("2026-01-20T18:01").point(1)
    assert versions(promoted.ask("2026-01-20T17:00Z")) == ("2", "2")
    assert versions(promoted.ask("2026-01-20")) == ("1", "1")


def test_a_promotion_that_was_reverted_wants_nothing(promoted: Ledger) -> None:
    promoted.at("2026-01-25T12:00").repository.git("rm", "-q", "releases/toy/production.yaml")
    promoted.repository.commit("Serve nothing")
    row = promoted.ask("2026-01-26")
    assert versions(row) == ("2", "nothing")
    assert row.wanted.since == "2026-01-25T12:00:00Z"
    assert "does not tell when a server was stopped" in row.notes[0]


def test_a_model_is_found_under_the_name_it_had(promoted: Ledger) -> None:
    root = promoted.repository.root
    promoted.at("2026-02-01T12:00").repository.git("mv", "releases/toy", "releases/best")
    path = root / "releases/best/production.yaml"
    named = release_file.parse(path.read_bytes(), path=path.name)
    path.write_bytes(release_file.render(replace(named, model="best")))
    (root / "mlops.yaml").write_text((root / "mlops.yaml").read_text().replace("  toy:", "  best:"))
    promoted.repository.commit("Call it the best")
    assert versions(promoted.ask("2026-01-15")) == ("1", "1")
    assert versions(promoted.ask("2026-01-15", model="best")) == ("nothing", "nothing")
    assert promoted.ask("2026-02-02", model="best").wanted.version == "2"


def test_nobody_who_approved_is_unknown_and_not_made_up(shop: Ledger) -> None:
    shop.at("2026-01-10T12:00").name(1, approved="")
    row = shop.ask("2026-01-11", down=NOBODY)
    assert row.landing is not None and row.landing.approved is None


@pytest.mark.parametrize(("approves", "expected"), [(True, ("A Human <human@example.com>",)), (False, ())])
def test_who_approved_is_noted_with_the_version_where_no_line_says_it(
    shop: Ledger, approves: bool, expected: tuple[str, ...]
) -> None:
    """A squash by a forge that writes no lines, as GitHub's button does; noted once, nobody too."""
    forge = Squashing(shop.repository.root, Workspace(shop.repository.root))
    shop.at("2026-01-09T12:00").repository.git("checkout", "-qb", "change")
    shop.repository.write("README.md", "asked\n")
    shop.repository.commit("Ask")
    pull = forge.open(NewPull(branch="change", base="main", title="Change", body=""))
    if approves:
        replace(forge, actor=HUMAN).approve(pull.number)
    shop.repository.git("checkout", "-q", "main")
    brought = shop.at("2026-01-10T12:00").name(1, approved="")
    shop.at("2026-01-10T12:05").point(1)
    brought_by = replace(forge, merged=(replace(pull, state=PullState.MERGED, merge_commit=brought),))
    for _ in range(2):
        note_approvals(shop.version(1), "production", brought, forge=brought_by, registry=shop.registry)
    note_approvals(shop.version(2), "production", "0" * 40, forge=brought_by, registry=shop.registry)
    row = shop.ask("2026-01-11")
    assert row.landing is not None and row.landing.approved == expected
    assert approved(shop.version(1).tags, "production") == expected
    assert approved(shop.version(1).tags, "staging") is None
    assert approved(shop.version(2).tags, "production") is None, "no pull request brought it"


@dataclass(frozen=True)
class Squashing(LocalForge):
    """A local forge whose merges were made elsewhere."""

    merged: tuple[PullRequest, ...] = ()

    def brought(self, commit: str) -> PullRequest | None:
        return next((pull for pull in self.merged if pull.merge_commit == commit), None)


def test_a_merge_counts_when_it_was_merged(shop: Ledger) -> None:
    shop.repository.git("checkout", "-qb", "promotion")
    shop.at("2026-01-05T12:00").name(1, approved="")
    shop.repository.git("checkout", "-q", "main")
    merge = (
        "merge",
        "-q",
        "--no-ff",
        "promotion",
        "-m",
        f"Merge the promotion\n\nApproved-by: {ANN}\nApproved-by: Bob",
    )
    shop.at("2026-01-10T12:00").repository.git(*merge)
    assert shop.ask("2026-01-07").wanted.known is Known.NOTHING
    row = shop.ask("2026-01-11", down=NOBODY)
    assert row.wanted.since == "2026-01-10T12:00:00Z"
    assert row.landing is not None and row.landing.approved == (ANN, "Bob")


def test_settings_of_git_change_no_answer(promoted: Ledger) -> None:
    for setting, value in (("log.follow", "true"), ("log.showSignature", "true"), ("log.date", "relative")):
        promoted.repository.git("config", setting, value)
    row = promoted.ask("2026-01-15")
    assert versions(row) == ("1", "1")
    assert row.landing is not None and row.landing.approved == (ANN,)


def test_the_answer_is_that_of_the_default_branch_from_wherever_one_asks(promoted: Ledger) -> None:
    promoted.repository.git("checkout", "-qb", "elsewhere", "HEAD^")
    promoted.at("2026-01-15T12:00").name(2)
    assert versions(promoted.ask("2026-01-16")) == ("1", "1")


def test_the_first_environment_follows_the_branch(shop: Ledger) -> None:
    shop.at("2026-01-10T12:05").point(1, "staging")
    shop.repository.write("params.yaml", DEEPER)
    brought = shop.at("2026-01-20T12:00").repository.commit(f"Look deeper\n\nApproved-by: {ANN}")
    shop.repository.write("README.md", "Words.\n")
    shop.at("2026-01-21T12:00").repository.commit("Explain\n\nApproved-by: Somebody else")
    shop.at("2026-01-21T12:05").point(2, "staging")
    row = shop.ask("2026-01-22", "staging")
    assert versions(row) == ("2", "2")
    assert row.wanted.since == "2026-01-20T12:00:00Z"
    assert row.landing is not None
    assert (row.landing.commit, row.landing.approved) == (brought, (ANN,)), "who approved words approved no model"
    assert versions(shop.ask("2026-01-20", "staging")) == ("1", "2")
    assert versions(shop.ask("2025-12-31", "staging")) == ("nothing", "nothing")


def test_a_shallow_clone_knows_nothing_of_git_and_asks_the_registry(promoted: Ledger, tmp_path: Path) -> None:
    there = tmp_path / "shallow"
    promoted.repository.git("clone", "-q", "--depth", "1", f"file://{promoted.repository.root}", str(there))
    with pytest.raises(RepositoryError, match="shallow") as caught:
        Past.of(Git.open(there), None, {})  # type: ignore[arg-type]
    assert "git fetch --unshallow" in caught.value.hint
    row = promoted.ask("2026-01-15", root=there)
    assert versions(row) == ("1", "unknown")
    assert row.landing is None
    assert row.facts is not None and row.facts.run_id == promoted.version(1).run_id


def test_history_that_was_rewritten_is_not_believed(promoted: Ledger) -> None:
    root = promoted.repository.git("rev-list", "--max-parents=0", "HEAD")
    promoted.repository.git("checkout", "-q", "--orphan", "again", root)
    promoted.at("2026-01-02T12:00").name(2)
    promoted.repository.git("branch", "-qf", "main", "again")
    promoted.repository.git("checkout", "-q", "main")
    row = promoted.ask("2026-01-15")
    assert versions(row) == ("1", "unknown")
    assert "was rewritten since, or is not fetched" in row.wanted.why
    assert row.landing is None


def test_without_the_registry_git_says_what_should_have_served(promoted: Ledger) -> None:
    row = promoted.ask("2026-01-15", down=NOBODY)
    assert versions(row) == ("unknown", "1")
    assert "MLflow at http://127.0.0.1:9 failed" in row.served.why
    assert row.landing is not None and row.landing.approved == (ANN,)
    version = promoted.version(1)
    assert row.facts is not None
    assert (row.facts.run_id, row.facts.commit) == (version.run_id, version.tags["commit"])
    assert (row.facts.data, row.facts.holdout, row.facts.judgement) == (None, None, None)
    assert promoted.ask("2026-01-15", "staging", down=NOBODY).wanted.known is Known.UNKNOWN


@pytest.mark.parametrize(
    ("gone", "when", "expected"),
    [
        (0, "2026-01-15", "unknown"),  # the journal begins later
        (0, "2026-01-21", "2"),
        (1, "2026-01-15", "unknown"),  # the alias is elsewhere now than the last entry says
        (1, "2026-01-05", "nothing"),
    ],
)
def test_a_pruned_journal_is_unknown_where_it_is_pruned(promoted: Ledger, gone: int, when: str, expected: str) -> None:
    client = promoted.registry.store.client
    tags = sorted(key for key in client.get_registered_model("toy").tags if ".journal." in key)
    client.delete_registered_model_tag("toy", tags[gone])
    assert versions(promoted.ask(when))[0] == expected


def test_an_alias_moved_by_hand_is_unknown_since(promoted: Ledger) -> None:
    promoted.registry.store.client.set_registered_model_alias("toy", "production", "1")
    row = promoted.ask("2026-01-21")
    assert versions(row) == ("unknown", "2")
    assert "moved by hand" in row.served.why
    assert versions(promoted.ask("2026-01-15"))[0] == "1"


def test_a_move_with_a_clock_set_back_leaves_what_is_sure(promoted: Ledger) -> None:
    promoted.at("2026-01-12T12:00").point(1)
    assert [versions(promoted.ask(f"2026-01-{day}"))[0] for day in ("09", "11", "13", "21")] == [
        "nothing",
        "unknown",
        "1",
        "unknown",
    ]
    assert promoted.ask("2026-01-13").served.since == "", "it may have come back on the 12th, or never left"


def test_an_entry_without_its_move_is_not_believed(promoted: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is written before the alias moves: a kill between leaves an entry of a move that never was."""
    from mlflow import MlflowClient

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *words: None)
        promoted.at("2026-02-01T12:00").point(1)
    assert versions(promoted.ask("2026-02-02"))[0] == "unknown"
    promoted.at("2026-02-03T12:00").point(1)
    assert [versions(promoted.ask(f"2026-02-0{day}"))[0] for day in (2, 4)] == ["unknown", "1"]


def test_commits_whose_clocks_disagree_are_unknown_between_and_known_around(promoted: Ledger) -> None:
    promoted.at("2026-01-12T12:00").name(1)  # it came after the promotion of the 20th, and says the 12th
    wanted = [promoted.ask(f"2026-01-{day}").wanted for day in ("11", "15", "21")]
    assert [claim.version or claim.why for claim in wanted] == ["1", CLOCKS, "1"]


def test_a_file_that_was_no_release_is_unknown(promoted: Ledger) -> None:
    promoted.repository.write("releases/toy/production.yaml", "version: 7\n")
    promoted.at("2026-01-25T12:00").repository.commit("Edit it by hand")
    row = promoted.ask("2026-01-26")
    assert versions(row) == ("2", "unknown")
    assert "releases/toy/production.yaml" in row.wanted.why


def test_a_version_that_was_deleted_leaves_what_git_has(promoted: Ledger) -> None:
    promoted.registry.store.client.delete_model_version("toy", "1")
    row = promoted.ask("2026-01-15")
    assert versions(row) == ("1", "1")
    assert row.facts is not None and row.facts.data is None and row.facts.run_id
    assert row.notes == ("the registry has no version of this model any more",)
