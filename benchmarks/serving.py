"""The model server beside a bare `kserve.ModelServer`, `mlflow models serve` and MLServer, all around one MLflow model.

All servers run at once and are asked in turn, round by round, so that a slow minute slows all. `wrk` (Debian's package
`wrk`) is the load generator: written in C, it is never the bottleneck. MLServer gets an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paired import Row, main

HERE = Path(__file__).parent
COLUMNS = 10
ROUNDS = 9
SECONDS = 2
OURS, BATCHED = "mlops-ci", "mlops-ci, micro-batching"
SCRIPT = """\
local file = io.open(os.getenv("BODY")); wrk.body = file:read("a"); file:close()
wrk.method = "POST"; wrk.headers["content-type"] = "application/json"
done = function(summary, latency, requests)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  print(string.format("RESULT %f %f %f %d", latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.requests / summary.duration * 1e6, failed))
end
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A running server: where it predicts, where it says that it is ready, and whether it speaks V2."""

    name: str
    predict: str
    ready: str
    v2: bool = True


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run of wrk saw: milliseconds, milliseconds, requests a second."""

    p50: float
    p99: float
    rate: float


def save_model(path: Path) -> None:
    """A scikit-learn classifier on ten named columns."""
    import logging

    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    data = np.random.default_rng(0).normal(size=(1000, COLUMNS))
    frame = pd.DataFrame(data, columns=[f"x{place}" for place in range(COLUMNS)])
    model = LogisticRegression().fit(frame, (data.sum(axis=1) > 0).astype(int))
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(
        model, path, signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )


def bodies(folder: Path, rows: int) -> dict[bool, Path]:
    """Files with the same rows as V2 (a tensor a column) and as MLflow's `dataframe_split`."""
    import numpy as np

    data = np.random.default_rng(1).normal(size=(rows, COLUMNS))
    names = [f"x{place}" for place in range(COLUMNS)]
    tensors = [
        {"name": name, "shape": [rows, 1], "datatype": "FP64", "data": data[:, place].tolist()}
        for place, name in enumerate(names)
    ]
    documents = {
        True: {"parameters": {"content_type": "pd"}, "inputs": tensors},
        False: {"dataframe_split": {"columns": names, "data": data.tolist()}},
    }
    paths = {v2: folder / f"{rows}-{v2}.json" for v2 in documents}
    for v2, document in documents.items():
        paths[v2].write_text(json.dumps(document), encoding="utf-8")
    return paths


def free_port() -> int:
    """A port that nobody has right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ours(model: Path, home: Path, name: str, settings: Mapping[str, Any]) -> tuple[Peer, list[str]]:
    """Our server."""
    from mlops_ci.digests.directory import digest_directory

    port = free_port()
    path = home / f"{port}.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    words = ["--model", str(model), "--name", "bench", "--digest", digest_directory(model)]
    command = [sys.executable, "-m", "mlops_ci.serving", *words, "--port", str(port), "--settings", str(path)]
    base = f"http://127.0.0.1:{port}/v2"
    return Peer(name=name, predict=f"{base}/models/bench/infer", ready=f"{base}/health/ready"), command


def bare(model: Path) -> tuple[Peer, list[str]]:
    """KServe's server."""
    port = free_port()
    base = f"http://127.0.0.1:{port}/v2"
    peer = Peer(name="bare ModelServer", predict=f"{base}/models/bench/infer", ready=f"{base}/health/ready")
    return peer, [sys.executable, str(HERE / "bare_server.py"), str(port), str(model)]


def mlflow_serve(model: Path) -> tuple[Peer, list[str]]:
    """MLflow's server, which knows no V2."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    words = ["models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    peer = Peer(name="mlflow models serve", predict=f"{base}/invocations", ready=f"{base}/ping", v2=False)
    return peer, [sys.executable, "-m", "mlflow", *words]


def mlserver(model: Path, home: Path) -> tuple[Peer, list[str]]:
    """MLServer in an environment of its own, with our versions of the rest. Raises CalledProcessError."""
    from importlib.metadata import version

    from uv import find_uv_bin

    port, folder, venv = free_port(), home / "mlserver", home / "venv"
    folder.mkdir()
    same = [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "pandas", "numpy")]
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, venv], check=True)
    install: list[str | Path] = [find_uv_bin(), "pip", "install", "-q", "--python", venv / "bin" / "python"]
    subprocess.run([*install, "mlserver==1.7.1", "mlserver-mlflow==1.7.1", *same], check=True, capture_output=True)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    runtime = {"name": "bench", "implementation": "mlserver_mlflow.MLflowRuntime", "parameters": {"uri": str(model)}}
    (folder / "model-settings.json").write_text(json.dumps(runtime))
    base = f"http://127.0.0.1:{port}/v2"
    peer = Peer(name="MLServer", predict=f"{base}/models/bench/infer", ready=f"{base}/models/bench/ready")
    return peer, [str(venv / "bin" / "mlserver"), "start", str(folder)]


@contextlib.contextmanager
def running(peer: Peer, command: Sequence[str], home: Path) -> Iterator[Peer]:
    """A server until the end of the block, with all that it started. Raises RuntimeError where it does not come up."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PYTHONWARNINGS": "ignore"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"  # where MLflow looks for uvicorn
    with (
        open(home / f"{peer.name}.log", "wb") as log,
        subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            while not answers(peer.ready):
                if process.poll() is not None:
                    raise RuntimeError((home / f"{peer.name}.log").read_text(errors="replace")[-2000:])
                time.sleep(0.2)
            yield peer
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def load(peer: Peer, body: Path, script: Path, connections: int) -> Load:
    """One run of wrk. Raises RuntimeError where a request failed: a fast error is no speed."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script), peer.predict]
    found = subprocess.run(words, env={**os.environ, "BODY": str(body)}, check=True, capture_output=True, text=True)
    line = next(line for line in found.stdout.splitlines() if line.startswith("RESULT"))
    p50, p99, rate, failed = map(float, line.split()[1:])
    if failed:
        raise RuntimeError(f"{peer.name}: {failed:.0f} requests failed")
    return Load(p50=p50, p99=p99, rate=rate)


def measured(peers: Sequence[Peer], body: Mapping[bool, Path], script: Path) -> dict[str, Load]:
    """Medians of the rounds: latency with one connection, throughput with eight."""
    alone: dict[str, list[Load]] = {peer.name: [] for peer in peers}
    eight: dict[str, list[Load]] = {peer.name: [] for peer in peers}
    for _ in range(ROUNDS):
        for peer in peers:
            alone[peer.name].append(load(peer, body[peer.v2], script, 1))
            eight[peer.name].append(load(peer, body[peer.v2], script, 8))
    return {
        peer.name: Load(
            p50=statistics.median(run.p50 for run in alone[peer.name]),
            p99=statistics.median(run.p99 for run in alone[peer.name]),
            rate=statistics.median(run.rate for run in eight[peer.name]),
        )
        for peer in peers
    }


def rows_of(what: str, found: Mapping[str, Load], missing: str) -> list[Row]:
    """p50, p99 and throughput, each against the best of the others, with all others named."""
    mine = found[OURS]
    others = {name: run for name, run in found.items() if name not in (OURS, BATCHED)}
    made = []
    for metric, unit in (("p50", "ms"), ("p99", "ms"), ("rate", "/s")):
        values = {name: getattr(run, metric) for name, run in others.items()}
        slower_is_less = metric == "rate"
        best = max(values.values()) if slower_is_less else min(values.values())
        value = getattr(mine, metric)
        said = "; ".join(f"{name}: {number:.2f} {unit}" for name, number in values.items())
        reached = value >= 1.2 * best if slower_is_less else value <= best
        batched = f"with micro-batching {getattr(found[BATCHED], metric):.2f} {unit}"
        title = "throughput, 8 connections" if slower_is_less else f"{metric}, 1 connection"
        made.append(
            Row(
                what=f"{what}: {title}",
                ours=f"{value:.2f} {unit}",
                against=said,
                ratio=f"{value / best:.2f}×",
                target="≥ 1.2× the best" if slower_is_less else "≤ 1× the best",
                met=reached,
                note="; ".join(filter(None, [batched, missing])),
            )
        )
    return made


def rows() -> list[Row]:
    """One row and a hundred rows, every server."""
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        home = Path(name)
        model, script = home / "model", home / "load.lua"
        save_model(model)
        script.write_text(SCRIPT)
        batch = {"batch": {"max_rows": 1000, "max_wait_ms": 0}}
        started = [ours(model, home, OURS, {}), ours(model, home, BATCHED, batch), bare(model), mlflow_serve(model)]
        missing = ""
        try:
            started.append(mlserver(model, home))
        except subprocess.CalledProcessError:
            missing = "MLServer could not be installed"
        peers = [stack.enter_context(running(peer, command, home)) for peer, command in started]
        made = []
        for count, what in ((1, "one row, V2"), (100, "100 rows, V2")):
            made += rows_of(what, measured(peers, bodies(home, count), script), missing)
        return made


if __name__ == "__main__":
    main(rows)
