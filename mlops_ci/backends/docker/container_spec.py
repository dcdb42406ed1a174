"""What a container is run with: written by the target, read by the runner."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlops_ci.records.codec import decode, encode


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """`image` is `name@sha256:…`, `home` the folder for what runners need while they run. `settings` is the server's
    settings file, `windows` the folder for its request log, '' where it keeps none. `memory_mb` and `cpus` are limits,
    0 for none; `drain_seconds` is how long the server may take to finish what it has begun."""

    image: str
    model: str
    environment: str
    home: str
    settings: str
    windows: str
    network: str
    memory_mb: int
    cpus: float
    drain_seconds: float

    @property
    def name(self) -> str:
        """What the names of its containers begin with."""
        return f"mlops-ci-{self.model}-{self.environment}"

    def word(self) -> str:
        """One word of a command line."""
        return json.dumps(encode(self), sort_keys=True)


def spec_of(word: str) -> ContainerSpec:
    """The spec that `word` is. Raises ValueError for anything else."""
    return decode(ContainerSpec, json.loads(word))
