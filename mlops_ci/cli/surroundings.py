"""What the libraries below us are told before the first of them is imported: no telemetry, no chatter, short waits."""

from __future__ import annotations

from collections.abc import MutableMapping

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "DVC_DAEMON": "1",  # DVC takes this for "one is running", and starts none to look for its own updates
    "ITERATIVE_DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "TQDM_DISABLE": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}
# A server that is down is told so within a minute; whoever sets these waits as long as they like.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


def settle(environ: MutableMapping[str, str]) -> None:
    """Apply the settings; telemetry is off whatever was set, the rest only where nothing was."""
    for name, value in SETTINGS.items():
        environ[name] = value
    for name, value in PATIENCE.items():
        environ.setdefault(name, value)
