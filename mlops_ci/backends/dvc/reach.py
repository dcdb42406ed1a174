"""Whether a DVC project's default remote answers. Nothing is sent or fetched.

DVC's file systems take no time limit, so they are asked by this file as a child, which can be ended. It prints one line
of JSON, of the form of `RemoteFacts` or `{"error": …}`, with `"ours": true` where it is to be mended here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.backends.dvc.command import DvcCommand
from mlops_ci.backends.mlflow.client import without_password
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.io import process
from mlops_ci.records.doctor import RemoteFacts

DOCS = "training.md#the-dvc-remote"


def remote(command: DvcCommand, *, seconds: float) -> RemoteFacts:
    """The remote of the project around a pipeline. Raises BackendError where it does not answer, UsageError where DVC
    is not set up or its settings can't be read."""
    command.require()
    if (configured := command.remote) is None:
        return RemoteFacts(name="")
    with tempfile.TemporaryDirectory() as folder:
        variables = replace(command, home=Path(folder)).variables(command.environ)
        words = [process.own_python(), "-m", "mlops_ci.backends.dvc.reach"]
        done = process.run(words, cwd=command.project, env=variables, timeout=seconds)
    found = _parsed(done.stdout)
    if "error" in found:
        what = "can't be used" if found.get("ours") else "does not answer"
        message = f"the DVC remote '{configured.name}' {what}: {found['error'][:300]}"
        hint = "is its URL right (dvc remote list), and are its credentials set here?"
        raise (UsageError if found.get("ours") else BackendError)(message, hint=hint, docs=DOCS)
    return RemoteFacts(name=found["name"], url=without_password(found["url"]), there=found["there"])


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        found = None
    return found if isinstance(found, dict) else {"error": "DVC ended without a word"}


def main() -> int:
    """Print what was found."""
    from dvc.config import ConfigError
    from dvc.fs import RemoteMissingDepsError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            found = look(repo)
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        ours = isinstance(error, ImportError | RemoteMissingDepsError | ConfigError | PermissionError)
        found = {"error": reason.splitlines()[0], "ours": ours}
    sys.stdout.write(f"{json.dumps(found)}\n")
    return 0


def look(repo: Any) -> dict[str, Any]:
    """The default remote, and whether there is anything at its URL."""
    name = repo.config["core"].get("remote")
    if not name:
        return {"name": ""}
    remote = repo.cloud.get_remote()
    url = str(repo.config["remote"][name].get("url", ""))
    there = bool(remote.fs.exists(remote.path))
    if not there:
        _raise_silence(remote)
    if not there and remote.fs.protocol in ("s3", "gs"):
        bucket = remote.path.strip("/").partition("/")[0]
        if bucket != remote.path.strip("/") and not remote.fs.exists(bucket):
            return {"error": f"there is no bucket '{bucket}', or it may not be read", "ours": True}
    return {"name": str(name), "url": url, "there": there}


def _raise_silence(remote: Any) -> None:
    """Of some file systems nothing exists where nobody answers; that one is told by what its error comes from."""
    try:
        remote.fs.info(remote.path)
    except FileNotFoundError as missing:
        cause = missing.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            raise cause from None


if __name__ == "__main__":
    sys.exit(main())
