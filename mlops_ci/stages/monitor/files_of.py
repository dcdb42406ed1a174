"""The files of the monitoring folder: what is new, what is there, and how what a person changed differs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any

import yaml

from mlops_ci.config.types import Config
from mlops_ci.records.setting_up import Draft, Setup
from mlops_ci.stages.init.prepare import sort_out
from mlops_ci.stages.monitor.limits import limits, watches
from mlops_ci.stages.monitor.scraping import ServiceName, has_address, places, prometheus

READY = ("rules.yml", "alertmanager.yml", "hooks.json", "dashboard.json")
SCRAPING = "# Where Prometheus looks. Written by mlops-ci monitor init from mlops.yaml, once; it is yours to change.\n"
LIMITS = "# What the alerts of rules.yml are held against. Written by mlops-ci monitor init from mlops.yaml.\n"
Read = Callable[[str], str | None]


def setup_of(config: Config, folder: str, *, read: Read, service_name: ServiceName) -> Setup:
    """Everything that is to be written below `folder`. `read` gives a file's text, None where there is none."""
    texts = {f"{folder}/{name}": text for name, text in _texts(config, service_name)}
    drafts, present, differing = sort_out((Draft(path=path, text=text) for path, text in texts.items()), read)
    told = {path: _unlike(path, read(path) or "", texts[path]) for path in differing}
    advice = tuple(_advice(config, folder)) if drafts else ()
    return Setup(drafts=tuple(drafts), present=tuple(present), differing=told, advice=advice)


def ready(name: str) -> str:
    """A file that is the same for everybody."""
    return resources.files(__package__).joinpath("files").joinpath(name).read_text("utf-8")


def _texts(config: Config, service_name: ServiceName) -> Iterator[tuple[str, str]]:
    yield "prometheus.yml", SCRAPING + _yaml(prometheus(config, service_name=service_name))
    yield "limits.yml", LIMITS + _yaml(limits(config))
    for name in READY:
        yield name, ready(name)


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, width=120)


def _unlike(path: str, mine: str, wanted: str) -> str:
    lines = difflib.unified_diff(mine.splitlines(), wanted.splitlines(), path, "would be written", lineterm="", n=1)
    return "\n".join(["it is there, and was left as it is; take over by hand what you want", *lines])


def _advice(config: Config, folder: str) -> Iterator[str]:
    """What only a person can do."""
    for model, place in places(config):
        if not has_address(place):
            yield (
                f"{model.name} in {place.name} has no fixed port, so Prometheus can't find it: set 'port' of that "
                f"environment in mlops.yaml, remove {folder}/prometheus.yml and run this again"
            )
    if not any(watches(model) for model in config.models.values()):
        yield "no model has drift.current, so the drift alerts and panels stay empty"
    yield f"say in {folder}/alertmanager.yml how people are told: as it stands nobody is"
    yield "to let alerts start the drift workflow, run the bridge: docs/monitoring.md#start-the-drift-workflow-early"
