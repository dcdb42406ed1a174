"""Whether an MLflow store answers, and where it has files put.

A server is asked by HTTP, without MLflow's own library, whose import alone takes four seconds; its settings for users,
tokens and certificates count as they do there. What only the library can reach, a database or a bucket, is asked by
this file as a child, which can be ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.backends.image.daemon import reason
from mlops_ci.backends.mlflow.client import without_password
from mlops_ci.errors import BackendError, MissingExtra, UsageError
from mlops_ci.io import process
from mlops_ci.records.doctor import TrackingFacts

SECONDS = (3.0, 5.0)  # to connect, to answer
DOCS = "configuration.md#tracking"
TRACKING, REGISTRY = "experiments/search", "registered-models/search"


def server(uri: str, environ: Mapping[str, str], *, what: str = TRACKING) -> TrackingFacts:
    """A server at an http(s) address. Raises BackendError where it does not answer, UsageError where it does not know
    us."""
    version = _get(uri, "/version", environ)
    _json(_get(uri, f"/api/2.0/mlflow/{what}?max_results=1", environ, needed=True), uri)
    known = _json(_get(uri, "/api/2.0/mlflow/experiments/get?experiment_id=0", environ) or "{}", uri)
    artifacts = str(known.get("experiment", {}).get("artifact_location", ""))
    plain = (version or "").strip()
    return TrackingFacts(
        uri=without_password(uri), version=plain if plain[:1].isdigit() and len(plain) < 40 else "", artifacts=artifacts
    )


def _get(uri: str, path: str, environ: Mapping[str, str], *, needed: bool = False) -> str:
    """The text at a path; '' for what is not there and not needed."""
    try:
        import requests
    except ModuleNotFoundError:
        raise MissingExtra("train", "MLflow") from None
    headers = {}
    if token := environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    user, password = environ.get("MLFLOW_TRACKING_USERNAME", ""), environ.get("MLFLOW_TRACKING_PASSWORD", "")
    insecure = environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true"
    shown = without_password(uri)
    try:
        answer = requests.get(
            f"{uri.rstrip('/')}{path}",
            headers=headers,
            auth=(user, password) if user and password else None,
            verify=environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or not insecure,
            timeout=SECONDS,
        )
    except requests.RequestException as error:
        hint = "is the server up, and 'tracking.uri' (MLFLOW_TRACKING_URI) right?"
        raise BackendError(f"{shown} does not answer: {reason(error)}", hint=hint, docs=DOCS) from None
    if answer.status_code in (401, 403):
        raise UsageError(
            f"{shown} does not let us in ({answer.status_code})",
            hint="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            docs=DOCS,
        )
    if answer.status_code != 200:
        if needed:
            raise BackendError(f"{shown} answered {answer.status_code}", hint="see the server's log", docs=DOCS)
        return ""
    return answer.text


def _json(text: str, uri: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        shown = without_password(uri)
        raise UsageError(f"what answers at {shown} is no MLflow server", hint="is 'tracking.uri' right?", docs=DOCS)
    return found


def by_library(uri: str, *, root: Path, seconds: float, artifacts: bool = False) -> TrackingFacts:
    """Ask a database, or a place for `artifacts`, through MLflow itself. Raises BackendError with what it says."""
    words = [process.own_python(), "-m", "mlops_ci.backends.mlflow.reach", "artifacts" if artifacts else "store", uri]
    env = {**process.inherited(), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = process.run(words, cwd=root, env=env, timeout=seconds)
    shown = without_password(uri)
    if done.code != 0:
        line = (done.stdout.strip() or done.stderr.strip() or "no reason given").splitlines()[-1]
        hint = "is its address right, and are its credentials set here?"
        raise BackendError(f"{shown} does not answer: {line[:300]}", hint=hint, docs=DOCS)
    return TrackingFacts(uri=shown)


def main(what: str, uri: str) -> int:
    """0 where it answers; else what it says, on standard output, and 1."""
    try:
        if what == "artifacts":
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            get_artifact_repository(uri).list_artifacts()
        else:
            from mlflow import MlflowClient

            MlflowClient(uri, uri).search_experiments(max_results=1)
    except Exception as error:
        sys.stdout.write(f"{(str(error).strip() or type(error).__name__).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
