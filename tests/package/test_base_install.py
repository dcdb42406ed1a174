"""The base install, as built from this tree, works on every supported Python the machine has, and stays light."""

from __future__ import annotations

import os
import pwd
import subprocess
import zipfile
from functools import cache
from pathlib import Path

import pytest
from uv import find_uv_bin

UV = find_uv_bin()
ROOT = Path(__file__).parents[2]
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
HEAVY = ("pandas", "numpy", "scipy", "mlflow", "dvc", "great_expectations", "pyarrow", "matplotlib", "sqlalchemy")
CONFIG = """\
version: 1
models:
  a:
    train: {target: train}
"""


@cache
def interpreters() -> dict[str, Path]:
    """Every supported Python that starts: from PATH, and from pyenv, whose shims do not always answer."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pyenv")
    found: dict[str, Path] = {}
    for version in SUPPORTED:
        candidates: list[str | Path] = [f"python{version}", *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
        for candidate in candidates:
            try:
                probe = subprocess.run(
                    [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=True
                )
            except (OSError, subprocess.CalledProcessError):
                continue
            found[version] = Path(probe.stdout.strip())
            break
    return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", out, ROOT], check=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED)
def test_base_install_checks_a_repository(version: str, wheel: Path, tmp_path: Path) -> None:
    if version not in interpreters():
        pytest.skip(f"no Python {version} on this machine")
    venv = tmp_path / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", interpreters()[version], venv], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", venv / "bin/python", wheel], check=True)
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "mlops.yaml").write_text(CONFIG)
    (repository / "dvc.yaml").write_text("stages:\n  train:\n    cmd: echo\n    deps: [a.txt]\n    outs: [model]\n")
    (repository / "a.txt").write_text("a\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
        subprocess.run(["git", *words], cwd=repository, check=True)

    def mlops(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([venv / "bin/mlops-ci", *words], cwd=repository, capture_output=True, text=True)

    assert mlops("--help").returncode == 0
    schema = mlops("schema")
    assert schema.returncode == 0, schema.stderr
    affected = mlops("affected", "--json")
    assert affected.returncode == 0, affected.stderr
    assert '"inputs_digest"' in affected.stdout
    assert "Traceback" not in mlops("validate").stderr
    installed = {path.name for path in (venv / "lib").glob("python*/site-packages/*")}
    assert not installed & set(HEAVY)


@pytest.mark.slow
def test_the_wheel_carries_what_init_copies(wheel: Path) -> None:
    """The templates as they are in the checkout; the commit only where nothing is changed in it."""
    with zipfile.ZipFile(wheel) as packed:
        found = {
            name.rpartition("/")[2]: packed.read(name) for name in packed.namelist() if "mlops_ci/workflows/" in name
        }
        commit = packed.read("mlops_ci/commit").decode().strip() if "mlops_ci/commit" in packed.namelist() else ""
    assert found == {path.name: path.read_bytes() for path in (ROOT / "workflows").glob("*.yml")}
    words = ["git", "status", "--porcelain", "--untracked-files=no"]
    state = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    clean = state.returncode == 0 and not state.stdout
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    assert commit == (head if clean else "")
