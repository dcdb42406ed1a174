"""The Dockerfiles of a release, as text: one that installs the environment, one that puts the model into it.

They are two images because the environment changes seldom: where the daemon has it already, its wheels are not even
sent. No instruction needs a shell, and none has a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlops_ci.records.server import PORT, WINDOWS

PYTHON = "/opt/venv/bin/python"
USER = "65532:65532"  # by number, so that a cluster can see that it is not root


def environment_file(*, base: str, pip: str) -> str:
    """Installs `wheels/` into /opt/venv. pip comes as a wheel too and stays outside, so the base image needs only
    Python's own `venv`, and the result has no installer in it."""
    install = [PYTHON, f"/wheels/{pip}/pip", "install", "--no-index", "--require-hashes", "--no-cache-dir"]
    install += ["--disable-pip-version-check", "--find-links", "/wheels", "--requirement", "/wheels/requirements.txt"]
    return "\n".join(
        [
            f"FROM {base}",
            "USER 0",
            "COPY wheels /wheels",
            f"RUN {json.dumps(['python3', '-m', 'venv', '--without-pip', '/opt/venv'])}",
            f"RUN {json.dumps(install)}",
            "",
        ]
    )


def release_file(*, base: str, environment: str, name: str, digest: str, labels: Mapping[str, str]) -> str:
    """The image that is served. What changes with every model comes last: the model is a layer of its own, and the
    rest after it is no layer at all."""
    serve = [PYTHON, "-m", "mlops_ci.serving", "--model", "/srv/model", "--name", name, "--digest", digest]
    serve += ["--settings", "/srv/settings.json"]
    said = " \\\n      ".join(f"{_quoted(key)}={_quoted(value)}" for key, value in sorted(labels.items()))
    return "\n".join(
        [
            f"FROM {base}",
            f"COPY --from={environment} /opt/venv /opt/venv",
            "COPY code /srv/code",
            f"COPY --chown={USER} windows {WINDOWS}",
            "COPY settings.json /srv/settings.json",
            "ENV PYTHONPATH=/srv/code PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp",
            "WORKDIR /srv",
            f"USER {USER}",
            f"EXPOSE {PORT}",
            "HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 "
            f"CMD {json.dumps([PYTHON, '-m', 'mlops_ci.serving.health'])}",
            f"CMD {json.dumps(['--host', '0.0.0.0', '--port', str(PORT)])}",  # noqa: S104
            "COPY model /srv/model",
            f"ENTRYPOINT {json.dumps(serve)}",
            f"LABEL {said}",
            "",
        ]
    )


def _quoted(text: str) -> str:
    """A label's text: nothing in it is taken for a variable."""
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")
