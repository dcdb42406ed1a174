"""Which kubeconfig a command takes: a secret's text before files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.backends.kserve.target import KserveTarget
from mlops_ci.cli import wiring
from mlops_ci.config.load import load_bytes

CONFIG = b"""\
version: 1
models:
  toy:
    train: {target: train}
    build: {image: ghcr.io/acme/toy}
    environments:
      production: {target: kserve, namespace: ml}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "/a/file"), (" \n", "/a/file"), ("kind: Config\nusers: [s3cret]", "kind: Config\nusers: [s3cret]\n")],
)
def test_a_secret_s_text_is_taken_before_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/a/file")
    monkeypatch.setenv("MLOPS_CI_KUBECONFIG", text)
    config = load_bytes(CONFIG, path=tmp_path / "mlops.yaml", root=tmp_path, environ={})
    (environment,) = config.models["toy"].environments
    target = wiring.deployer(config, environment)
    assert isinstance(target, KserveTarget)
    assert target.kubeconfig == expected
    assert "s3cret" not in repr(target)
