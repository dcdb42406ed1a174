"""A registry that asks for a login, given by variables: real daemon, real registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.image.daemon import connected, follow
from mlops_ci.errors import BackendError, ConfigError
from tests.docker import daemon as parts
from tests.docker.daemon import Daemon

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PASSWORD = "s3cret-of-the-registry"
PEOPLE = "ship:$2b$04$ft8ntGWt/uoA6SwfDm.sxeJJUt7ereo/XfUGclOMa4xrql8TbCSiC\n"
DOCKERFILE = b"FROM scratch\nLABEL x=y\n"


@pytest.fixture
def closed(free: int, tmp_path: Path) -> Iterator[str]:
    """The address of a registry that lets one person in."""
    with parts.registry(free, tmp_path, PEOPLE) as address:
        yield address


def pushed(environ: dict[str, str], name: str) -> None:
    import io

    with connected(environ) as client:
        follow(client.api.build(fileobj=io.BytesIO(DOCKERFILE), tag=name, decode=True, rm=True), "built", print)
        follow(client.images.push(name, stream=True, decode=True), "could not be pushed", print)


def test_a_login_is_for_one_command_and_leaves_nothing(closed: str, daemon: Daemon) -> None:
    login = {"MLOPS_CI_REGISTRY": closed, "MLOPS_CI_REGISTRY_USERNAME": "ship", "MLOPS_CI_REGISTRY_PASSWORD": PASSWORD}
    name = f"{closed}/toy:1"
    with pytest.raises(BackendError, match=r"could not be pushed: .*(auth|unauthorized)"):
        pushed(daemon.environ, name)
    pushed({**daemon.environ, **login}, name)
    assert not [path for path in (daemon.folder / "config").rglob("*") if path.is_file()], "nothing is written down"
    with pytest.raises(BackendError, match="could not be pushed: "):
        pushed(daemon.environ, name)

    with pytest.raises(BackendError, match=f"{closed} lets nobody in as ship: ") as refused:
        pushed({**daemon.environ, **login, "MLOPS_CI_REGISTRY_PASSWORD": "wr0ng"}, name)
    assert "wr0ng" not in f"{refused.value}{refused.value.hint}"
    with pytest.raises(ConfigError, match="MLOPS_CI_REGISTRY is not set"):
        pushed({**daemon.environ, **login, "MLOPS_CI_REGISTRY": ""}, name)
