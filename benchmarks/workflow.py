"""A pull request that affects no model, in a workflow runner; and setting up each stage beside `uv pip install`.

The runner is act with the workflow file as users copy it, a GitHub server on this machine and our actions from this
checkout; `script/runner-tools` builds it. Setting up is measured where every package is in uv's cache; with `--cold`
also where none is, which downloads all of them, twice a run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import paired

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.runner.shop import Machine, opened  # noqa: E402

RUNS = 5
BOTH = """\
import subprocess, sys
uv, python, place, *words = sys.argv[1:]
subprocess.run([uv, "venv", "--quiet", "--no-project", "--clear", "--python", python, place], check=True)
subprocess.run([uv, "pip", "install", "--quiet", "--python", f"{place}/bin/python", *words], check=True)
"""


@contextlib.contextmanager
def home(folder: Path) -> Iterator[None]:
    """Nobody's settings for git decide, and someone is its author."""
    before = dict(os.environ)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    os.environ.setdefault("MLOPS_CI_CACHE", str(cache / "mlops-ci-tests"))
    os.environ.setdefault("MLOPS_CI_TEST_CACHE", str(cache))
    os.environ.update({"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"})
    for role in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{role}_NAME": "Benchmark", f"GIT_{role}_EMAIL": "benchmark@example.com"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def nothing_affected(folder: Path) -> list[float]:
    """Wall seconds of whole runs of pull-request.yml for a change of the README, everything installed."""
    (folder / "shop").mkdir()
    with opened(folder / "shop", Machine.prepared(folder, folder / "act")) as shop:
        person = shop.person
        person.merge("first")
        person.git("push", "-q", "origin", "main")
        person.branch("words")
        person.write("README.md", "# toy, in other words\n")
        person.commit("Say it in other words")
        pull = shop.open("words", "Say it in other words")
        runs = [shop.pull_request(pull, "opened") for _ in range(RUNS + 1)]
    assert all(run.jobs["affected"] == run.jobs["verdict"] == "success" for run in runs)
    return [run.seconds for run in runs[1:]]


def install() -> ModuleType:
    """What sets a stage up."""
    path = ROOT / "actions/setup/install.py"
    spec = importlib.util.spec_from_file_location("install", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stages() -> Mapping[str, str]:
    """What is installed → the commands that need it, one name each for those that need the same."""
    sets: dict[tuple[str, ...], list[str]] = {}
    found: Mapping[str, tuple[str, ...]] = install().EXTRAS
    for command, extras in found.items():
        sets.setdefault(tuple(sorted(extras)), []).append(command)
    return {names[0]: ", ".join(names) for names in sets.values()}


def set_up(folder: Path, stage: str, *, cold: bool) -> tuple[list[tuple[paired.Run, paired.Run]], float]:
    """(ours beside uv's own, both into a new environment; median seconds of ours where the environment is there)."""
    uv = Path(sys.executable).with_name("uv")
    path = f"{uv.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "MLOPS_CI_HOME": str(folder / "home")}
    if cold:
        env["UV_CACHE_DIR"] = str(folder / "cache")
    ours: paired.Command = [sys.executable, "-I", "-S", ROOT / "actions/setup/install.py", stage]
    if paired.measure(ours, cwd=folder, env=env).code:
        raise RuntimeError(f"could not set up {stage}")
    again = statistics.median(paired.measure(ours, cwd=folder, env=env).seconds for _ in range(RUNS))
    (wanted,) = (folder / "home").glob("*/requirements.txt")
    shutil.copy(wanted, folder / "requirements.txt")
    given: list[str | Path] = ["--require-hashes", "-r", folder / "requirements.txt"]
    theirs: paired.Command = [sys.executable, "-c", BOTH, uv, sys.executable, folder / "theirs", *given]

    def clear() -> None:
        for name in ("home", "theirs", *(("cache",) if cold else ())):
            shutil.rmtree(folder / name, ignore_errors=True)

    runs, warmup = (1, 0) if cold else (RUNS, 1)
    found = paired.pairs(
        ours, theirs, cwd=folder, runs=runs, warmup=warmup, env=env, before_ours=clear, before_against=clear
    )
    return found, again


def rows() -> Sequence[paired.Row]:
    """The run, and two lines for each set of packages."""
    made = []
    with tempfile.TemporaryDirectory() as folder, home(Path(folder)):
        seconds = nothing_affected(Path(folder))
        note = f"wall time of the whole run, three jobs; median of {len(seconds)}, from {min(seconds):.1f} s"
        what = "pull-request.yml, no model affected, warm"
        made.append(paired.limit_row(what, statistics.median(seconds), unit="s", at_most=10.0, note=note))
    for cold in (False, True) if "--cold" in sys.argv else (False,):
        for stage, names in stages().items():
            with tempfile.TemporaryDirectory() as folder:
                found, again = set_up(Path(folder), stage, cold=cold)
            note = f"uv's cache {'empty' if cold else 'has all'}, a new environment; for {names}"
            what = f"set-up of {stage}, {'cold' if cold else 'packages in the cache'}"
            made.append(paired.time_row(what, found, against="`uv pip install`", at_most=1.1, note=note))
            if not cold:
                made.append(paired.limit_row(f"set-up of {stage}, warm", again, unit="s", at_most=3.0))
    return made


if __name__ == "__main__":
    paired.main(rows)
