"""`mlops-ci pull-request` with nothing affected, 1 model and 100 models, beside `git status` in the same repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import paired

MODEL = """\
  model-{0:03}:
    path: models/{0:03}
    task: classification
    validate:
      - {{data: data/train.parquet, suite: expectations/rows.json}}
    train: {{target: train}}
    evaluate:
      holdout: data/holdout.parquet
      label: y
      metrics: [roc_auc, log_loss]
      gates:
        - {{metric: roc_auc, min: 0.6}}
        - {{metric: roc_auc, against: production, margin: 0.005, require: non-inferior}}
      slices: [{{by: carrier, metric: roc_auc, max_drop: 0.03, min_rows: 300}}]
      first_model: allow
    environments:
      production: {{target: local}}
"""
PIPELINE = """\
vars: [{months: [1, 2, 3]}]
stages:
  ingest:
    cmd: python src/ingest.py
    deps: [src/ingest.py]
    params: [ingest]
    outs: [data/raw]
  features:
    foreach: ${months}
    do:
      cmd: python src/features.py ${item}
      deps: [src/features.py, data/raw]
      params: [features]
      outs: ["data/features-${item}.parquet"]
  split:
    cmd: python src/split.py
    deps: [src/split.py, data/features-1.parquet, data/features-2.parquet, data/features-3.parquet, data/zones.csv]
    params: [split]
    outs: [data/train.parquet, data/holdout.parquet]
  train:
    cmd: python src/train.py
    deps: [src/train.py, src/lib, data/train.parquet]
    params: [train]
    outs: [model]
    metrics: [metrics.json: {cache: false}]
"""
PARAMS = "ingest: {year: 2013}\nfeatures: {lags: [1, 7], weather: true}\nsplit: {seed: 1, share: 0.2}\n" + (
    "train: {depth: 6, rate: 0.05, rounds: 400, columns: [dep_hour, distance, temp, wind, visib]}\n"
)
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": PARAMS,
    "requirements.txt": "scikit-learn==1.5.2\npandas==2.3.3\npyarrow==19.0.0\nmlflow==3.17.2\n",
    "data/zones.csv.dvc": "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 1\n  hash: md5\n  path: zones.csv\n",
    "data/.gitignore": "/*\n!*.dvc\n!.gitignore\n",
    "expectations/rows.json": "{}\n",
    **{f"src/{name}.py": f"print('{name}')\n" * 40 for name in ("ingest", "features", "split", "train")},
    **{f"src/lib/part{index}.py": f"VALUE = {index}\n" * 20 for index in range(5)},
}


def repository(root: Path, models: int) -> Path:
    """A git repository of many models on a branch that changed the README alone."""
    config = "version: 1\nmodels:\n" + "".join(MODEL.format(index) for index in range(models))
    files = {f"models/{index:03}/{name}": text for index in range(models) for name, text in FILES.items()}
    for path, text in {**files, "mlops.yaml": config, ".dvc/config": "", ".gitignore": "model/\n"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com")

    def git(*words: str) -> None:
        subprocess.run(["git", *identity, *words], cwd=root, check=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "Start")
    git("checkout", "-qb", "words")
    (root / "README.md").write_text("Words.\n")
    git("add", "-A")
    git("commit", "-qm", "Words")
    return root


def rows() -> list[paired.Row]:
    """Wall time of the whole command, and its ratio to `git status`."""
    found = []
    for models, limit in ((1, 1.0), (100, 3.0)):
        with tempfile.TemporaryDirectory() as folder:
            root = repository(Path(folder), models)
            command = [sys.executable, "-m", "mlops_ci", "pull-request"]
            measured = paired.pairs(command, ["git", "status"], cwd=root, runs=7)
        seconds = sorted(mine.seconds for mine, _ in measured)[len(measured) // 2]
        status = sorted(theirs.seconds for _, theirs in measured)[len(measured) // 2]
        what = f"pull-request, nothing affected, {models} model{'s' if models > 1 else ''}"
        note = f"git status: {status:.3f} s, ratio {seconds / status:.0f}×; a README changed; median of {len(measured)}"
        found.append(paired.limit_row(what, seconds, unit="s", at_most=limit, note=note))
    return found


if __name__ == "__main__":
    paired.main(rows)
