"""Training and registration on a pipeline so small that DVC is the slow part: real DVC, real MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.tiny import CONFIG, DVC, TRAIN, train

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_a_training_is_recorded_byte_for_byte_and_found_again(tiny: Person) -> None:
    train(tiny)
    first = tiny.result("toy", "train")["details"]
    assert first["stages"] == [{"name": "train", "action": "ran", "seconds": None}]
    assert first["metrics"] == {"loss": 1.0}
    (run,) = tiny.runs()
    assert run.data.tags["mlops_ci.inputs"] == first["inputs_digest"]
    stored = tiny.home / ".mlops/artifacts/toy" / run.info.run_id / "artifacts/model"
    assert {p.name: p.read_bytes() for p in stored.iterdir()} == {
        p.name: p.read_bytes() for p in (tiny.home / "model").iterdir()
    }
    train(tiny)
    assert tiny.result("toy", "train")["details"]["reused"]
    (tiny.home / ".mlops/trained/toy.json").unlink()
    train(tiny)
    assert tiny.result("toy", "train")["details"]["reused"], "without its note the run is found in MLflow"
    assert len(tiny.runs()) == 1


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(tiny: Person) -> None:
    said = tiny.mlops("pull-request", "--all", "--dry-run")
    assert "toy: train: do: bring train up to date and log the model" in said
    assert "blocked by: nothing was trained" in tiny.mlops("register", "--all", "--dry-run", expect=11)
    assert tiny.git("status", "--porcelain", "--ignored") == ""
    train(tiny)
    (before,) = tiny.runs()
    child = tiny.start("train", "--all", "--dry-run", "--json")
    (step,) = json.loads(child.communicate(timeout=60)[0])
    assert (step["action"], step["exit_code"]) == ("already done", 0)
    assert before.info.run_id in step["what"]
    assert len(tiny.runs()) == 1


def test_a_lock_that_nobody_ran_makes_no_candidate(tiny: Person) -> None:
    """`dvc commit -f` after a swap of the model's bytes: the lock says so, the training says otherwise."""
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=tiny.home, check=True)
    honest = (tiny.home / "model/weights").read_text()
    (tiny.home / "model/weights").write_text("forged")
    (tiny.home / ".dvc/cache/runs").rename(tiny.home / "gone")
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-fq"], cwd=tiny.home, check=True)
    (tiny.home / ".dvc/cache/runs").rename(tiny.home / "gone too")
    train(tiny)
    assert (tiny.home / "model/weights").read_text() == honest
    assert tiny.result("toy", "train")["details"]["stages"][0]["action"] == "ran"


PREPARE = """\
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [{rows.csv: {cache: false}}]
"""
SUITE = {
    "name": "rows",
    "meta": {},
    "expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 2}}],
}


def test_data_that_a_stage_writes_is_what_the_stage_writes_even_where_git_keeps_a_copy(tiny: Person) -> None:
    """Its name in every digest is the stage's recipe, so a stale or forged copy in git must not be what is judged."""
    tiny.write("prepare.py", "open('rows.csv', 'w').write('x\\n1\\n2\\n')\n")
    tiny.write("dvc.yaml", DVC + PREPARE)
    tiny.write("rows.csv", "x\n1\n")
    tiny.write("suite.json", json.dumps(SUITE))
    tiny.write(
        "mlops.yaml", CONFIG.format(python=sys.executable) + "    validate: [{data: rows.csv, suite: suite.json}]\n"
    )
    tiny.git("add", "-A")
    tiny.git("commit", "-qm", "Keep a copy of the rows")
    tiny.mlops("validate", "--model", "toy")
    assert tiny.result("toy", "validate")["status"] == "passed"
    assert (tiny.home / "rows.csv").read_text() == "x\n1\n2\n"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("raise KeyError('speed')", "KeyError: 'speed'"),
        (TRAIN.replace('"model/MLmodel"', '"model/other"'), "holds no MLmodel file"),
        (TRAIN.replace("flavors: {python_function: {loader_module: toy}}", "flavors: {}"), "without 'flavors'"),
        (TRAIN.replace("flavors: {python_function: {loader_module: toy}}", "run_id: a"), "without 'flavors'"),
        (TRAIN.replace("flavors: {python_function", "{flavors: [python"), "an MLmodel file that can't be read"),
        (TRAIN.replace("json.dumps({", "str({"), "it is not JSON"),
        (TRAIN.replace('{"loss": value}', '{"loss": float("nan")}'), "'loss' is nan"),
        ("import os; os.kill(os.getpid(), 9)", "failed"),
        ("print('x' * 5_000_000); raise SystemExit(7)", "exit 7"),
    ],
)
def test_what_a_training_does_wrong_is_told(tiny: Person, script: str, expected: str) -> None:
    tiny.write("train.py", script)
    tiny.commit("Break it")
    said = " ".join(train(tiny, expect=3).split())
    assert expected in said
    assert tiny.runs() == []
    tiny.write("train.py", TRAIN)
    tiny.commit("Mend it")
    train(tiny)
    assert len(tiny.runs()) == 1


def test_a_training_that_hangs_is_ended(tiny: Person) -> None:
    tiny.write("train.py", "import signal; signal.pause()")
    tiny.write("mlops.yaml", (tiny.home / "mlops.yaml").read_text().replace("{env", "{timeout: 6, env"))
    tiny.commit("Hang")
    assert "did not end within 6 s" in train(tiny, expect=3)


def test_verify_names_what_came_out_differently(tiny: Person) -> None:
    tiny.write("train.py", TRAIN.replace("str(value)", "str(__import__('time').time_ns())"))
    tiny.commit("Write the time")
    said = tiny.mlops("train", "--model", "toy", "--verify")
    assert "two trainings wrote different outputs: model" in said
    assert tiny.result("toy", "train")["details"]["unstable_outputs"] == ["model"]


def test_without_dvc_the_cure_is_named(tiny: Person) -> None:
    (tiny.home / ".dvc/config").unlink()
    (tiny.home / ".dvc").rename(tiny.home / "no-dvc")
    assert "dvc init" in train(tiny, expect=2)


def test_a_remote_that_is_gone_is_named_in_dvcs_words(tiny: Person) -> None:
    tiny.write(".dvc/config", "[core]\n    remote = r\n['remote \"r\"']\n    url = /proc/no/such/place\n")
    said = train(tiny, expect=3)
    assert "could not push to the DVC remote" in said


def test_another_machine_finds_the_run_and_restores_nothing(tiny: Person, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/shared.db"
    text = (tiny.home / "mlops.yaml").read_text() + f"tracking: {{uri: '{store}', artifacts: 'file://{tmp_path}/a'}}\n"
    tiny.write("mlops.yaml", text)
    tiny.commit("Share the store")
    train(tiny)
    tiny.git("clone", "-q", str(tiny.home), str(tmp_path / "other"))
    there = Person(tmp_path / "other")
    train(there)
    assert there.result("toy", "train")["details"]["reused"]
    assert not (there.home / "model").exists()


def test_register_refuses_what_was_never_judged(tiny: Person) -> None:
    assert "nothing was trained" in tiny.mlops("register", "--model", "toy", expect=11)
    train(tiny)
    assert "never judged" in tiny.mlops("register", "--model", "toy", expect=11)


def test_register_refuses_a_dirty_tree(tiny: Person) -> None:
    tiny.write("params.json", '{"value": 2}')
    assert "uncommitted" in tiny.mlops("register", "--model", "toy", expect=2)


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An MLflow server that answers every request like this."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            answer(self)

        do_GET = do_POST = _answer  # noqa: N815 (the names that http.server looks for)

        def log_message(self, format: str, *words: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def ask(tiny: Person, uri: str) -> str:
    tiny.write("mlops.yaml", (tiny.home / "mlops.yaml").read_text() + f"tracking: {{uri: '{uri}'}}\n")
    tiny.commit("Point to a server")
    person = Person(tiny.home, {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"})
    said = person.mlops("train", "--model", "toy", expect=3)
    assert json.loads((tiny.home / ".mlops/results/toy/train.json").read_text())["status"] == "error"
    assert not (tiny.home / "model").exists(), "nothing is trained that could not be recorded"
    return " ".join(said.split())


def test_a_server_that_is_down_is_told_within_bounds(tiny: Person) -> None:
    said = ask(tiny, "http://user:secret@127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9 failed: " in said
    assert "Connection refused" in said
    assert "secret" not in said


def test_a_server_that_fails_is_quoted(tiny: Person) -> None:
    with server(lambda request: request.send_error(500, "out of cheese")) as uri:
        said = ask(tiny, uri)
    assert f"MLflow at {uri} failed: too many 500 error responses" in said


def test_a_server_that_never_answers_is_not_waited_for_long(tiny: Person) -> None:
    with server(lambda request: time.sleep(60)) as uri:
        started = time.monotonic()
        said = ask(tiny, uri)
    assert f"MLflow at {uri} failed: Read timed out" in said
    assert time.monotonic() - started < 45
