"""Where data and models are kept between runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_ci.records.doctor import Finding, RemoteFacts, TrackingFacts
from mlops_ci.stages.doctor.findings import ok, warning

GROUP = "stores"
# Under a Windows path's drive a scheme has one letter.
SCHEME = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:")

BEHIND = "mlflow-artifacts:"  # through the server itself


def elsewhere(place: str) -> bool:
    """Whether files lie where neither this disk nor MLflow's server has them: in a bucket, for one."""
    return bool(SCHEME.match(place)) and not place.startswith(BEHIND)


def judge_remote(facts: RemoteFacts, *, name: str) -> Finding:
    """A DVC project's remote."""
    if not facts.name:
        message = "there is no default remote: a runner starts each time from what git has"
        return warning(GROUP, name, message, "dvc remote add -d store URL, then commit .dvc/config")
    if not facts.there:
        message = f"'{facts.name}' answers, and nothing is at {facts.url} yet"
        return warning(GROUP, name, message, "dvc push, on the machine that has the data; or is its URL wrong?")
    return ok(GROUP, name, f"'{facts.name}' at {facts.url}")


def judge_embedded(path: str, *, exists: bool, on_github: bool) -> Iterator[Finding]:
    """MLflow's SQLite file in the repository's folder."""
    if on_github:
        message = "the embedded store: runners forget it, and a merge finds nothing that a pull request judged"
        cure = "set the repository's variable MLFLOW_TRACKING_URI to your server's address"
        yield warning(GROUP, "MLflow", message, cure)
    else:
        yield ok(GROUP, "MLflow", f"the embedded store, {path}" + ("" if exists else ", made when it is first needed"))


def judge_tracking(facts: TrackingFacts, *, client: str, artifacts: str) -> Iterator[Finding]:
    """A store that answered. `client` is the version of our own library; `artifacts` is `tracking.artifacts`."""
    version = f", version {facts.version}" if facts.version else ""
    if facts.version and client and facts.version.split(".")[0] != client.split(".")[0]:
        message = f"{facts.uri} answers with version {facts.version}, and {client} is installed here"
        yield warning(GROUP, "MLflow", message, f"upgrade the server to {client.split('.')[0]}.x")
    else:
        yield ok(GROUP, "MLflow", f"{facts.uri}{version}")
    if not artifacts and facts.artifacts and facts.uri.startswith("http") and not SCHEME.match(facts.artifacts):
        message = f"the server has clients write models to {facts.artifacts}, each on its own disk"
        cure = "start it with --serve-artifacts, or set 'tracking.artifacts' to storage that all reach"
        yield warning(GROUP, "MLflow's artifacts", message, cure)
