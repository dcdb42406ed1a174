"""The parts that the tests of images and of the docker target stand on."""

from __future__ import annotations

import sys

from tests.docker.daemon import Daemon


def test_a_container_of_the_base_image_runs_the_python_that_runs_the_tests(daemon: Daemon, base_image: str) -> None:
    """Neither network nor a right is needed for it."""
    said = daemon.docker(
        "run", "--rm", "--network", "none", "--user", "65532:65532", base_image, "python3", "--version"
    )
    assert said.split()[1].split(".")[:2] == [str(part) for part in sys.version_info[:2]]


def test_what_is_pushed_into_the_registry_has_a_digest(daemon: Daemon, base_image: str, registry: str) -> None:
    """And the registry serves it by that."""
    name = f"{registry}/base"
    daemon.docker("tag", base_image, name)
    daemon.docker("push", "--quiet", name)
    every = daemon.docker("inspect", "--format", "{{range .RepoDigests}}{{.}} {{end}}", name).split()
    (named,) = [one for one in every if one.startswith(f"{name}@sha256:")]
    assert daemon.docker("pull", "--quiet", named) == named
