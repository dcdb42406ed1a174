"""Probes of what builds and serves: the Docker daemon and the namespaces of clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from mlops_ci.cli import wiring
from mlops_ci.cli.ground import Ground
from mlops_ci.cli.probes_here import wants_docker
from mlops_ci.config.types import Environment, Model
from mlops_ci.records.doctor import Finding
from mlops_ci.stages.doctor import servers
from mlops_ci.stages.doctor.examine import Probe

CLUSTER = 12.0  # seconds: reads are asked again where a cluster is busy
Place = tuple[Model, Environment]


def probes(ground: Ground) -> Iterator[Probe]:
    """Only for what the config asks for."""
    if wants_docker(ground):
        here = any(place.target == "docker" for _, place in ground.places)
        yield Probe(group=servers.GROUP, name="docker", look=partial(_docker, here), online=True)
    for name, places in _namespaces(ground).items():
        look = partial(_cluster, places, name)
        yield Probe(group=servers.GROUP, name=name, look=look, online=True, seconds=CLUSTER)


def _namespaces(ground: Ground) -> dict[str, list[Place]]:
    """What is served with KServe, by what the line is called: one for each context, namespace and mode."""
    found: dict[tuple[str, str, str], list[Place]] = {}
    for model, place in ground.places:
        if place.target == "kserve":
            key = (str(place.options.get("context", "")), place.namespace, str(place.options.get("mode", "")))
            found.setdefault(key, []).append((model, place))
    names = {key: f"cluster {' '.join(filter(None, key[:2]))}" for key in found}
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {name if name not in twice else f"{name} {key[2]}": found[key] for key, name in names.items()}


def _docker(here: bool) -> Iterator[Finding]:
    yield servers.judge_docker(*wiring.docker_version(here=here))


def _cluster(places: Sequence[Place], name: str) -> Iterator[Finding]:
    return servers.judge_cluster(wiring.cluster(places), name=name)
