"""What images are made of, as text: a change of it is a change for everybody, and is to be seen in a review."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.image.base import Base
from mlops_ci.backends.image.daemon import follow
from mlops_ci.backends.image.files import environment_file, release_file
from mlops_ci.backends.image.labels import labels, same_model, tag_of
from mlops_ci.backends.image.lock import pip_platforms, uv_platform, without_passwords
from mlops_ci.backends.image.sbom import about_image
from mlops_ci.errors import BackendError
from mlops_ci.ports.building import BuildJob, Described
from mlops_ci.records.building import Image

ENVIRONMENT = """\
FROM python:3.11-slim
USER 0
COPY wheels /wheels
RUN ["python3", "-m", "venv", "--without-pip", "/opt/venv"]
RUN ["/opt/venv/bin/python", "/wheels/pip-26.0-py3-none-any.whl/pip", "install", "--no-index", "--require-hashes", \
"--no-cache-dir", "--disable-pip-version-check", "--find-links", "/wheels", "--requirement", "/wheels/requirements.txt"]
"""
RELEASE = """\
FROM python@sha256:aa
COPY --from=env:key /opt/venv /opt/venv
COPY code /srv/code
COPY --chown=65532:65532 windows /srv/windows
COPY settings.json /srv/settings.json
ENV PYTHONPATH=/srv/code PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /srv
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 \
CMD ["/opt/venv/bin/python", "-m", "mlops_ci.serving.health"]
CMD ["--host", "0.0.0.0", "--port", "8080"]
COPY model /srv/model
ENTRYPOINT ["/opt/venv/bin/python", "-m", "mlops_ci.serving", "--model", "/srv/model", "--name", "toy", \
"--digest", "dd", "--settings", "/srv/settings.json"]
LABEL "io.github.mlops-ci.inputs-digest"="ii" \\
      "io.github.mlops-ci.model"="toy" \\
      "io.github.mlops-ci.model-digest"="dd" \\
      "io.github.mlops-ci.run"="r1" \\
      "org.opencontainers.image.base.digest"="sha256:aa" \\
      "org.opencontainers.image.base.name"="python:3.11-slim" \\
      "org.opencontainers.image.revision"="cc" \\
      "org.opencontainers.image.source"="https://example.com/a/b?x=\\"1\\"&y=\\$HOME" \\
      "org.opencontainers.image.title"="toy" \\
      "org.opencontainers.image.version"="7"
"""


def nowhere(into: Path) -> Described:
    raise AssertionError("nothing is to be brought")


JOB = BuildJob(
    model="toy",
    version="7",
    model_digest="dd",
    inputs_digest="ii",
    run_id="r1",
    commit="cc",
    source='https://example.com/a/b?x="1"&y=$HOME',
    image="ghcr.io/acme/toy",
    base="python:3.11-slim",
    bring=nowhere,
)
BASE = Base(id="sha256:0", reference="python@sha256:aa", python="3.11.2", machine="x86_64", libc=(2, 36))


def test_the_environments_file() -> None:
    assert environment_file(base="python:3.11-slim", pip="pip-26.0-py3-none-any.whl") == ENVIRONMENT


def test_the_releases_file() -> None:
    found = labels(JOB, base="python@sha256:aa")
    text = release_file(base="python@sha256:aa", environment="env:key", name="toy", digest="dd", labels=found)
    assert text == RELEASE


def test_labels_say_only_what_is_known_and_tell_models_apart() -> None:
    found = labels(replace(JOB, source="", commit=""), base="debian:local")
    assert "org.opencontainers.image.source" not in found
    assert "org.opencontainers.image.base.digest" not in found
    assert same_model(found, JOB)
    assert not same_model(found, replace(JOB, model_digest="ee"))
    assert not same_model(found, replace(JOB, model="other"))
    assert not same_model({}, JOB)


def test_a_tag_is_never_too_long() -> None:
    assert tag_of(replace(JOB, model="m" * 200, model_digest="d" * 64)) == "m" * 90 + "-" + "d" * 32


@pytest.mark.parametrize(("libc", "named"), [((2, 36), "2_36"), ((2, 30), "2_28"), ((2, 17), "2_17"), ((3, 0), "2_40")])
def test_uv_is_asked_for_the_newest_platform_that_it_knows(libc: tuple[int, int], named: str) -> None:
    assert uv_platform(replace(BASE, libc=libc)) == f"x86_64-manylinux_{named}"


def test_pip_takes_every_wheel_that_runs_on_the_base() -> None:
    found = pip_platforms(BASE)
    assert found[0] == "manylinux_2_36_x86_64"
    assert "manylinux_2_37_x86_64" not in found
    assert {"manylinux_2_5_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= set(found)


def test_passwords_are_not_shown() -> None:
    assert without_passwords("at https://me:secret@host/simple and x") == "at https://host/simple and x"


def test_an_error_in_a_stream_is_raised_in_the_daemons_words() -> None:
    stream: list[dict[str, Any]] = [
        {"stream": "Step 1/2 : FROM x\n"},
        {"stream": "no space left\n"},
        {"errorDetail": {"message": "the daemon's own words"}, "error": "other words"},
    ]
    lines: list[str] = []
    with pytest.raises(BackendError, match="it could not be built: the daemon's own words") as caught:
        follow(iter(stream), "it could not be built", lines.append)
    assert caught.value.hint.splitlines() == ["Step 1/2 : FROM x", "no space left"]
    assert lines == ["Step 1/2 : FROM x", "no space left"]


def test_what_a_stream_says_besides_text_is_returned() -> None:
    stream: list[dict[str, Any]] = [{"status": "Pushed", "id": "a"}, {"aux": {"Digest": "sha256:1"}}]
    assert follow(iter(stream), "", lambda line: None) == [{"Digest": "sha256:1"}]


def test_the_bill_of_materials_is_about_the_image() -> None:
    packages = {"components": [{"bom-ref": "six==1"}], "dependencies": [{"ref": "six==1"}], "metadata": {"tools": {}}}
    found = about_image(packages, Image(name="a/b", digest="sha256:12"), version="7", model_digest="dd")
    component = found["metadata"]["component"]
    assert (component["type"], component["name"], component["version"]) == ("container", "a/b", "sha256:12")
    assert component["hashes"] == [{"alg": "SHA-256", "content": "12"}]
    assert found["dependencies"][-1] == {"ref": "image", "dependsOn": ["six==1"]}
    assert found["metadata"]["tools"] == {}
