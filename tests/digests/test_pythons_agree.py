"""Every supported Python gives the same digest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.digests.repository import Repository
from tests.package.test_base_install import ROOT, SUPPORTED, interpreters

PRINT = """\
import sys
from pathlib import Path
from mlops_ci.digests.inputs import find_inputs
from mlops_ci.io.git import Git

tree = Git.open(Path(sys.argv[1])).working_tree()
print(find_inputs(tree, directory="", pipeline="dvc.yaml", target="train", environment="").digest)
"""
PIPELINE = """\
stages:
  train:
    matrix: {size: [1, 2.5, true], name: [a, é]}
    cmd: run ${item.size} ${key}
    deps: [code.py]
    params: [x, f, d, t, {conf.py: []}, {conf.toml: }, {conf.json: [a]}]
    outs: ["o-${key}"]
"""


@pytest.mark.slow
def test_every_python_gives_the_same_digest(repository: Repository, tmp_path: Path) -> None:
    repository.write("dvc.yaml", PIPELINE)
    repository.write(
        "params.yaml", "x: 1e-7\nf: [.1, 1e22, .inf, 0.30000000000000004]\nd: 2024-01-02\nt: 2024-01-02 03:04:05\n"
    )
    repository.write("conf.py", "A = {1: 'x', 'b': (1, 2)}\nB = {3, 2, 1}\nC = '\\d'\nclass K:\n    v: float = 1e100\n")
    repository.write("conf.toml", "when = 2024-01-02T03:04:05Z\n[a]\nb = [1, 2.0, true]\n")
    repository.write("conf.json", '{"a": {"z": 1, "é": null}}')
    repository.write("code.py", "pass\n")
    repository.write("requirements.txt", "numpy\n")
    script = tmp_path / "print.py"
    script.write_text(PRINT)
    digests = {version: _digest(python, script, repository.root) for version, python in interpreters().items()}
    assert set(digests.values()) == {repository.digest()}, digests
    if missing := set(SUPPORTED) - digests.keys():
        pytest.skip(f"the others agree, but this machine has no Python {', '.join(sorted(missing))}")


def _digest(python: Path, script: Path, root: Path) -> str:
    uv = str(find_uv_bin())
    words = [uv, "run", "--quiet", "--no-project", "--python", str(python), "--with", "pyyaml", "--with", "tomli"]
    done = subprocess.run(
        [*words, "python", str(script), str(root)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
