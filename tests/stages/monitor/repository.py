"""A repository with one model watched and one not, in three environments, for the tests of monitoring."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mlops_ci.backends.kserve.options import service_name
from mlops_ci.config.load import load_bytes
from mlops_ci.config.types import Config
from mlops_ci.records.setting_up import Setup
from mlops_ci.stages.monitor.files_of import setup_of

TEXT = """\
version: 1
models:
  delay:
    build: {image: ghcr.io/acme/delay}
    evaluate: {holdout: holdout.csv, label: delayed, serving: {p99_ms: 100}}
    environments:
      staging: {target: local, port: 8081}
      production:
        target: kserve
        namespace: ml
        mode: Knative
        prometheus: http://prometheus.monitoring:9090
        canary: {slo: {error_rate: 0.02, p99_ms: 150}}
    drift: {current: data/production/*.parquet}
  churn:
    path: churn
    environments:
      production: {target: local}
"""


def config(root: Path, text: str = TEXT) -> Config:
    """The mlops.yaml as it would be in `root`."""
    return load_bytes(text.encode(), path=root / "mlops.yaml", root=root, environ={})


def setup(root: Path, there: dict[str, str] | None = None, text: str = TEXT) -> Setup:
    """What would be written below `monitoring`, where `there` is already."""
    return setup_of(config(root, text), "monitoring", read=(there or {}).get, service_name=service_name)


def written(root: Path, text: str = TEXT) -> Path:
    """The monitoring folder with all its files."""
    for draft in setup(root, text=text).drafts:
        (root / draft.path).parent.mkdir(exist_ok=True)
        (root / draft.path).write_text(draft.text, encoding="utf-8")
    return root / "monitoring"


def checked(*words: str, folder: Path) -> str:
    """Run a checker; what it said, once it found nothing."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
