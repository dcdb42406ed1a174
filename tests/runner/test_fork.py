"""A stranger's pull request in a runner: judged without a secret, shown by publish.yml, and nothing of it executed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.backends.github_place import TOKEN
from tests.e2e.toy import TRAIN
from tests.runner.shop import SECRETS, Shop

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
READ = "ghs_readonlytokenofafork0123"
# The stranger's training notes all that its process can see.
# … and prints what the runner would obey.
PRINTED = (
    "::set-output name=verdict::printed-by-the-fork",
    "::error::printed by the fork",
    "##[error]printed by the fork",
)
SPY = "import json, os, pathlib\npathlib.Path({0!r}).write_text(json.dumps(dict(os.environ)))\n"


def hostile(canary: Path) -> tuple[str, str]:
    """(a branch, a title) that a careless workflow would execute, each leaving the canary behind."""
    run = f"touch${{IFS}}{canary}"
    branch = f"x$({run})`{run}`;{run};\";{run};\"';{run};'&&true|true"
    title = f"$({run}) `{run}` ;{run}; \";{run};\" ';{run};' ${{{{ github.token }}}} | <img src=x> @acme/team"
    return branch, f"{title}\n::error::from the title\n::set-output name=models::[]"


def test_a_fork_is_judged_without_secrets_and_shown(shop: Shop) -> None:
    canary, seen = shop.folder / "canary", shop.folder / "seen.json"
    person, faults = shop.person, shop.place.hub.faults
    spy = SPY.format(str(seen)) + "".join(f"print({line!r}, flush=True)\n" for line in PRINTED)
    branch, title = hostile(canary)
    for text in (branch, title):
        subprocess.run(["bash", "-c", f"echo {text}"], capture_output=True)
        canary.unlink()  # so the trap works
    person.git("branch", "-m", branch)
    person.write("train.py", spy + TRAIN)
    person.commit(title)
    pull = shop.open(branch, title)
    shop.forked(pull, branch)
    before = faults.writes()

    judged = shop.pull_request(pull, "opened", secrets={"GITHUB_TOKEN": READ}, variables={})
    assert judged.jobs == {"affected": "success", "judge": "success", "verdict": "success"}, judged.text
    assert faults.writes() == before, "a fork's run writes nothing"
    environ = json.loads(seen.read_text())
    assert environ["GITHUB_ACTIONS"] == "true", "it is the runner that the training looked at"
    assert "PYTHONDONTWRITEBYTECODE" not in environ, "every process would compile its libraries anew"
    assert READ not in environ.values()
    assert not [name for name in SECRETS if environ.get(name)]

    assert ": :error::printed by the fork" in judged.text, "what a training prints is in the log"
    assert "## [error]printed by the fork" in judged.text
    assert not [item for item in judged.annotations if "printed by" in item["message"]]
    assert not [step for step in judged.steps if "printed-by-the-fork" in step.outputs.values()]

    shown = shop.published(pull, "success")
    assert shown.jobs == {"publish": "success"}, shown.text
    (said,) = shop.comments(pull)
    assert "## ✅ toy: FIRST" in said.body
    assert pull.head[:12] in said.body
    assert not canary.exists(), "a name was executed"
    for run in (judged, shown):
        assert not [item for item in run.annotations if "from the title" in item["message"]]
        assert not [secret for secret in (READ, TOKEN, *SECRETS.values()) if secret in run.text]
