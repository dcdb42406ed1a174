"""Setting up what a command needs: once, hash-checked, apart from everything of the user's."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import uv

from mlops_ci.cli.main import COMMANDS
from tests.runner.shop import own_tree

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "actions/setup/install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_names_commands_and_extras_that_are_there(install: ModuleType) -> None:
    import tomli as tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for found in install.EXTRAS.values() for extra in found} <= set(extras)
    assert install.extras_of(["merge", "train"])[0] == "deploy"
    assert set(COMMANDS) & set(install.EXTRAS) >= {"validate", "train", "evaluate", "merge", "pull-request"}


def test_homes_in_their_order(install: ModuleType, tmp_path: Path) -> None:
    assert install.home_of({"MLOPS_CI_HOME": "/a", "RUNNER_TOOL_CACHE": "/b"}) == Path("/a")
    assert install.home_of({"RUNNER_TOOL_CACHE": "/b"}) == Path("/b/mlops-ci/tool")


def test_stages_are_named_rightly(install: ModuleType) -> None:
    assert install.stages_of(" validate, train\naffected ") == ["validate", "train", "affected"]
    assert set(install.BASE) <= set(COMMANDS)
    with pytest.raises(install.Failed, match="there is no stage 'trian'; 'stages' takes affected, audit"):
        install.stages_of("train trian")
    with pytest.raises(install.Failed, match="no stage is named"):
        install.stages_of(" ")


def test_a_cache_is_asked_for_what_is_not_here(install: ModuleType, tmp_path: Path) -> None:
    first, other = (install.describe(tmp_path, extras, {}) for extras in (["train"], ["train", "validate"]))
    assert first["path"] == other["path"] == str(tmp_path / install.digest())
    assert first["key"].startswith(f"mlops-ci-{install.digest()}-")
    assert first["key"] != other["key"]
    assert first["ready"] == "false"
    told = install.describe(tmp_path, ["train"], {"MLOPS_CI_WHEELHOUSE": "wheels"})
    assert (told["key"], told["ready"]) == ("", "false")
    (tmp_path / install.digest()).mkdir()
    (tmp_path / install.digest() / "extras.json").write_text('["train", "validate"]')
    told = install.describe(tmp_path, ["train"], {})
    assert (told["key"], told["ready"]) == ("", "true"), "nothing is left to be set up"


def test_the_action_s_script_tells_the_workflow(tmp_path: Path) -> None:
    env = {**os.environ, "MLOPS_CI_HOME": str(tmp_path / "home"), "GITHUB_OUTPUT": str(tmp_path / "out")}
    script = ROOT / "actions/setup/run"
    done = subprocess.run([script, "--describe", "validate"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path, key, ready = (tmp_path / "out").read_text().splitlines()
    assert ready == "ready=false"
    assert path.startswith(f"path={tmp_path}/home/")
    assert key.startswith("key=mlops-ci-")
    assert not (tmp_path / "home").exists(), "nothing is set up"
    done = subprocess.run([script, "--stages", "$(touch x)"], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "error: there is no stage '$(touch'" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_it_installs_once_and_grows(tmp_path: Path) -> None:
    env = {**os.environ, "MLOPS_CI_HOME": str(tmp_path / "home"), "PYTHONPATH": "/nowhere"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([ROOT / "bin/mlops-ci", *words], env=env, cwd=tmp_path, capture_output=True, text=True)

    first = call("schema")
    assert first.returncode == 0, first.stderr
    assert "setting up mlops-ci with the base (once)" in first.stderr
    assert json.loads(first.stdout)["title"]
    assert call("schema").stderr == ""
    (place,) = [path.parent for path in (tmp_path / "home").glob("*/extras.json")]
    (place / "extras.json").unlink()
    assert "once" in call("schema").stderr, "what was not finished is done again"
    assert call("nonsense").returncode == 2


@pytest.mark.slow
def test_a_wheelhouse_is_the_only_source(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    env = {**os.environ, "MLOPS_CI_HOME": str(tmp_path / "home"), "MLOPS_CI_WHEELHOUSE": str(tmp_path / "wheels")}
    done = subprocess.run([ROOT / "bin/mlops-ci", "schema"], env=env, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.splitlines()[1].startswith("error: could not set up mlops-ci: ")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "home").glob("*/extras.json"))


@pytest.fixture(scope="module")
def wheels(install: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What docs/self-hosted.md says to bring: here the base, and uv. Filled once for a lock and a Python."""
    kept = Path(os.environ["MLOPS_CI_CACHE"]) / f"wheels-{install.digest()}"
    if kept.exists():
        return kept
    folder, beside = tmp_path_factory.mktemp("wheels"), kept.with_name(f"{kept.name}.{os.getpid()}")
    wanted, python = folder / "requirements.txt", folder / "venv/bin/python"
    export = [uv.find_uv_bin(), "export", "--frozen", "--no-dev", "--no-emit-project", "--quiet", "--output-file"]
    subprocess.run([*export, wanted], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    for words in (["--no-deps", "--requirement", wanted], ["--requirement", ROOT / "actions/setup/uv.txt"]):
        download = [python, "-m", "pip", "download", "--quiet", "--require-hashes", "--dest", beside, *words]
        done = subprocess.run([str(word) for word in download], capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(beside, ignore_errors=True)
            pytest.skip(f"no package index to fill a wheelhouse from: {done.stderr.strip()[-200:]}")
    with contextlib.suppress(OSError):  # another worker was first
        beside.rename(kept)
    return kept


@pytest.mark.slow
def test_a_full_wheelhouse_needs_no_network_and_a_cache_not_even_that(wheels: Path, tmp_path: Path) -> None:
    """Neither has the machine an uv; the second job has another checkout, and of the first one what a cache keeps."""
    nowhere = "http://127.0.0.1:9"
    home = tmp_path / "home"
    without_uv = [part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "uv").exists()]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    env |= {"PATH": os.pathsep.join(without_uv), "MLOPS_CI_PYTHON": sys.executable, "MLOPS_CI_HOME": str(home)}
    env |= {"UV_CACHE_DIR": str(tmp_path / "uv"), "UV_DEFAULT_INDEX": nowhere, "UV_HTTP_TIMEOUT": "1"}
    env |= {"PIP_INDEX_URL": nowhere, "PIP_RETRIES": "0", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}
    first, second = own_tree(tmp_path / "first"), own_tree(tmp_path / "second")

    def call(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env={**env, **more}, cwd=tmp_path, capture_output=True, text=True)

    refused = call(first / "bin/mlops-ci", "schema")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "error: could not set up mlops-ci: " in refused.stderr
    done = call(first / "actions/setup/run", "--stages", "affected", MLOPS_CI_WHEELHOUSE=str(wheels))
    assert done.returncode == 0, done.stderr
    assert call(first / "bin/mlops-ci", "schema").stderr == ""

    (place,) = (path.parent for path in home.glob("*/extras.json"))
    for path in home.iterdir():
        if path != place:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    told = tmp_path / "out"
    assert call(second / "actions/setup/run", "--describe", "affected", GITHUB_OUTPUT=str(told)).returncode == 0
    assert told.read_text() == f"path={place}\nkey=\nready=true\n", "nothing is to be asked for"
    (second / "mlops_ci/config/schema.json").write_text('{"title": "second"}')
    done = call(second / "bin/mlops-ci", "schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"title": "second"}, "the second checkout's own code"


def test_two_checkouts_at_once_import_each_its_own(install: ModuleType, tmp_path: Path) -> None:
    """They share the packages; here the one by which uv is found stands for all."""
    checkouts = [tmp_path / name for name in ("one", "two")]
    for checkout in checkouts:
        for name in ("actions/setup/install.py", "uv.lock"):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
        (checkout / "mlops_ci").mkdir()
        (checkout / "mlops_ci/__init__.py").write_text(f"NAME = {checkout.name!r}\n")
    words = [sys.executable, "-I", "actions/setup/install.py"]
    env = {**os.environ, "MLOPS_CI_HOME": str(tmp_path / "home")}
    place = tmp_path / "home" / install.digest()
    shared = install.packages(place)
    (shared / "uv").mkdir(parents=True)
    shutil.copy(Path(uv.__file__).with_name("_find_uv.py"), shared / "uv/__init__.py")
    (place / "bin").mkdir()
    (place / "bin/uv").write_text("the locked one")
    (place / "extras.json").write_text("[]")

    def seats() -> list[Path]:
        running = [
            subprocess.Popen([*words, "schema"], cwd=checkout, env=env, stdout=subprocess.PIPE, text=True)
            for checkout in checkouts * 2
        ]
        return [Path(child.communicate(timeout=60)[0].strip()) for child in running]

    found = seats()
    assert len(set(found)) == 2
    ask = "import mlops_ci, uv; print(mlops_ci.NAME, open(uv.find_uv_bin()).read())"
    for own, checkout in zip(found, checkouts * 2, strict=True):
        done = subprocess.run([own / "bin/python", "-I", "-c", ask], capture_output=True, text=True, check=True)
        assert done.stdout.split(maxsplit=1) == [checkout.name, "the locked one\n"]
    (found[0] / "bin/python").unlink()
    assert seats() == found, "one that is broken is made anew"
    assert (found[0] / "bin/python").exists()
    shutil.rmtree(checkouts[1])
    checkouts[0].rename(tmp_path / "moved")
    done = subprocess.run([*words, "schema"], cwd=tmp_path / "moved", env=env, capture_output=True, text=True)
    assert Path(done.stdout.strip()).exists()
    assert not [own for own in found if own.exists()], "those of checkouts that are gone are removed"
    assert place.exists()
