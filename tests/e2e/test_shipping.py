"""Ways that cross: a champion that changed, two merges in a row, two models, one stage alone, a look that lasts."""

from __future__ import annotations

import signal
import time

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import ask, document, flat, served, serving
from tests.e2e.toy import crowned, params
from tests.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def commit(shop: Person, features: str, *, c: float = 1.0) -> None:
    """What a branch brought, by another way than its merge: same content, same inputs."""
    shop.write("params.yaml", params(features, c=c))
    shop.commit(f"Take {features}")


def test_what_was_judged_against_another_champion_is_judged_again_from_stored_predictions(shop: Person) -> None:
    commit(shop, "ab")
    crowned(shop, "toy")  # version 2 is what candidates are compared with now
    runs = len(shop.runs())

    commit(shop, "ac")
    begun = time.monotonic()
    said = flat(shop.mlops("merge", expect=10))
    spent = time.monotonic() - begun
    assert "the champion of production has changed since the judgement: judging again" in said
    assert "scoring the" not in said, "all predictions were stored"
    assert spent < 60, "seconds, on a busy machine too"
    assert shop.result("toy", "register")["status"] == "failed"
    assert shop.result("toy", "register")["details"]["verdict"] == "worse"
    assert serving(shop) == {}, "nothing was changed"
    assert "judged red (worse)" in flat(shop.mlops("merge", expect=10)), "once judged again, it is judged"

    commit(shop, "ab", c=1.01)
    said = flat(shop.mlops("merge"))
    assert "judging again" in said
    assert "scoring the" not in said
    assert shop.result("toy", "register")["details"]["version"] == "3", "what was worse has no version"
    assert ask(served(shop, "staging")["url"])[1] == 200
    assert len(shop.runs()) == runs, "nothing was trained"


def test_only_the_newest_commits_release_is_left_serving(shop: Person) -> None:
    commit(shop, "ab")
    first = shop.start("merge")
    until(first, "starting a server")
    commit(shop, "ab", c=1.01)
    assert "another mlops-ci run is at work" in flat(shop.mlops("merge", expect=3))
    first.communicate(timeout=300)
    assert first.returncode == 0
    shop.mlops("merge")
    newest = ask(served(shop, "staging")["url"])
    shop.git("checkout", "-q", "HEAD^")
    assert "a later commit's release serves in staging already" in flat(shop.mlops("merge", expect=11))
    assert ask(served(shop, "staging")["url"]) == newest


def test_one_stage_alone_and_a_plan_of_all(shop: Person) -> None:
    assert plan(shop) == {
        "register": ("already done", "version 1 has served in staging"),
        "deploy-staging": ("do", "serve version 1"),
        "promote-production": ("do", "promote version 1 to production, once it serves in staging"),
    }
    text = (shop.home / "mlops.yaml").read_text()
    other = "  other: {path: other, train: {target: fit}}\n"
    shop.write("mlops.yaml", text.replace("models:\n", f"models:\n{other}"))
    shop.write("other/dvc.yaml", "stages:\n  fit: {cmd: fit, deps: [fit.txt], outs: [model]}\n")
    shop.write("other/fit.txt", "1\n")
    shop.commit("Add a model that nobody judged")
    commit(shop, "ab")
    deploy = ("deploy", "--environment", "staging")
    assert "is not registered" in flat(shop.mlops(*deploy, expect=11))
    assert "no model has an environment 'stagin' did you mean 'staging'?" in flat(
        shop.mlops("deploy", "--environment", "stagin", expect=2)
    )
    said = flat(shop.mlops("merge", "--base", "HEAD~2", expect=11))
    assert "nothing was trained with the inputs of this commit" in said
    assert shop.result("other", "register")["status"] == "stale"
    assert shop.result("toy", "deploy-staging")["status"] == "passed", "one model does not stop another"
    assert "serves already" in flat(shop.mlops(*deploy))
    assert "deploy-staging: already done" in flat(shop.mlops(*deploy, "--dry-run"))

    commit(shop, "c")
    assert {stage: action for stage, (action, _) in plan(shop, expect=11).items()} == {
        "register": "blocked by",
        "deploy-staging": "blocked by",
        "promote-production": "blocked by",
    }


def plan(shop: Person, *, expect: int = 0) -> dict[str, tuple[str, str]]:
    """stage → (action, the first words of what)."""
    steps = document(shop, "plan", "--model", "toy", expect=expect)
    return {step["stage"]: (step["action"], step["what"].partition(" (")[0]) for step in steps}


def test_a_look_that_lasts_ends_when_it_is_interrupted(shop: Person) -> None:
    child = shop.start("status", "--watch")
    for _ in range(2):
        until(child, "toy staging: nothing serves", answer=True)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
