"""What an environment with `target: kserve` asks for, and what its objects are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.errors import ConfigError

STANDARD, KNATIVE = "Standard", "Knative"
LONGEST = 63  # a DNS label, which is what KServe and Knative make of names
ADDED = "-predictor-"  # between a service's name and its namespace in the host names that KServe makes
SHORTEST = 20
RESOURCES = {"cpu": "1", "memory": "2Gi"}  # KServe's own
DOCS = "kserve.md"


@dataclass(frozen=True, kw_only=True)
class KserveOptions:
    """The keys of an environment, with the schema's defaults. `url` is where the service answers; '' asks KServe."""

    namespace: str
    mode: str = STANDARD
    context: str = ""
    url: str = ""
    ready_seconds: float = 600.0
    replicas: int = 1
    max_replicas: int = 0
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    service_account: str = ""
    pull_secret: str = ""
    force_conflicts: bool = False
    canary: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, environment: str, namespace: str, options: Mapping[str, Any]) -> KserveOptions:
        """Raises ConfigError for an environment without a namespace, and for what its mode can't do."""
        if not namespace:
            raise ConfigError(
                f"environment '{environment}' has no namespace", hint="namespace: … says where KServe serves", docs=DOCS
            )
        known = {key: value for key, value in options.items() if key in cls.__dataclass_fields__}
        known["resources"] = _resources(options.get("resources", {}))
        found = cls(namespace=namespace, **known)
        if found.canary and found.mode == STANDARD:
            raise ConfigError(
                f"environment '{environment}': KServe splits no traffic in Standard mode, and says nothing about it",
                hint="remove 'canary': the release replaces the former one pod by pod, and is smoked; or mode: Knative",
                docs=f"{DOCS}#modes",
            )
        return found


def _resources(asked: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Written out in full: what KServe would fill in, nobody could compare. Who asks for more may take it."""
    requests, limits = asked.get("requests", {}), asked.get("limits", {})
    asks = {name: requests.get(name) or amount for name, amount in RESOURCES.items()}
    return {"requests": asks, "limits": {name: limits.get(name) or amount for name, amount in asks.items()}}


def service_name(model: str, environment: str, namespace: str) -> str:
    """`<model>-<environment>`, since environments may share a namespace; shortened, with a hash, where the host names
    that are made of it would be too long, and led by a letter."""
    wanted = f"{model}-{environment}"
    longest = max(SHORTEST, LONGEST - len(ADDED) - len(namespace))
    name = wanted if re.match("[a-z]", wanted) else f"m-{wanted}"
    if len(name) <= longest and not name.endswith("-"):
        return name
    mark = hashlib.sha256(f"{model}/{environment}".encode()).hexdigest()[:8]
    return f"{name[: longest - 9].rstrip('-')}-{mark}"


def own_name(name: str) -> str:
    """What the Lease and the Secret beside a service are called."""
    return f"mlops-ci-{name}"
