"""From `deploy` to the first answer on this machine, beside starting a bare `kserve.ModelServer` by hand.

Ours brings the model, checks it byte for byte, starts the server, smokes it and lets it take over the address; the bare
one is started, and asked until it answers. Both answer the same V2 request.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from serving import bare, bodies, save_model

from paired import Row, Run, main, time_row

PAIRS = 7


def first_answer(url: str, body: bytes) -> None:
    """Ask until it answers with 200."""
    while True:
        asked = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)


def deployed(model: Path, home: Path, body: bytes) -> float:
    """Seconds from `deploy` to the first answer."""
    from mlops_ci.backends.keeper.local_target import local_target
    from mlops_ci.digests.directory import digest_directory
    from mlops_ci.ports.deploying import DeployJob
    from mlops_ci.records.models import Release
    from mlops_ci.serving.code import copy_into
    from mlops_ci.stages.smoke import smoke

    digest = digest_directory(model)
    release = Release(model="bench", version="1", model_digest=digest, inputs_digest="0" * 64, run_id="run")

    def bring(into: Path) -> Path:
        shutil.copytree(model, into / "model")
        copy_into(into / "code")
        return Path(sys.executable)

    def check(url: str, folder: Path) -> None:
        smoke(url, name="bench", digest=digest, rows=folder / "smoke.json")

    job = DeployJob(
        release=release,
        environment="production",
        options={},
        sequence=1,
        bring=bring,
        bring_rows=lambda into: None,
        smoke=check,
    )
    target = local_target(home)
    begun = time.perf_counter()
    serving, _ = target.deploy(job, say=lambda line: None)
    first_answer(f"{serving.url}/v2/models/bench/infer", body)
    seconds = time.perf_counter() - begun
    target.delete("bench", "production", sequence=None)
    return seconds


def by_hand(model: Path, body: bytes) -> float:
    """Seconds from starting the bare server to its first answer."""
    peer, command = bare(model)
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        first_answer(peer.predict, body)
        seconds = time.perf_counter() - begun
        process.kill()
    return seconds


def rows() -> list[Row]:
    """The pairs, after one that is not counted."""
    found = []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # both may keep their bytecode, as on anybody's machine
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        save_model(home / "model")
        body = bodies(home, 1)[True].read_bytes()
        assert json.loads(body)["inputs"]
        for turn in range(PAIRS + 1):
            mine = deployed(home / "model", home / f"serving-{turn}", body)
            theirs = by_hand(home / "model", body)
            if turn:
                found.append(tuple(Run(seconds=one, cpu=0.0, memory_mb=0.0, code=0) for one in (mine, theirs)))
    pairs = [(mine, theirs) for mine, theirs in found]
    what = "from `deploy` to the first answer, target `local`"
    note = f"median of {PAIRS} pairs; brought, checked byte for byte, its digest asked for before it takes over"
    return [time_row(what, pairs, against="bare ModelServer, by hand", at_most=1.1, note=note)]


if __name__ == "__main__":
    main(rows)
