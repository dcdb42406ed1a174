"""What an environment remembers beside its InferenceService: a Secret that outlives it.

It says what serves (that is: what passed its smoke), since when, as of which commit, which model was taken back, what
was applied, and which releases have served, with the rows that smoke them again. So a release comes back with registry
and tracker down. It is a Secret because the rows are data of the holdout, and may be about people.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_ci.backends.keeper.kept_releases import release_of
from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.errors import BackendError
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Release

KEPT = 5
LARGEST_ROWS = 100_000  # bytes, packed, so that five fit into a Secret; those of a release with larger ones are fetched
STATE = "state.json"


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The Secret as it was read. `noted` has release, since, sequence, refused; `manifest` is what was applied when it
    began to serve; `rows` are packed, by digest. `there` is the object, None where there is none."""

    noted: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] | None = None
    served: tuple[Release, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def release(self) -> Release | None:
        """What serves; None where nothing passed its smoke, or it was deleted."""
        return release_of(self.noted.get("release"))

    def rows_of(self, release: Release) -> bytes | None:
        """The recorded rows, b'' where none were recorded; None where they were not kept."""
        if (packed := self.rows.get(_key(release))) is None:
            return None
        return gzip.decompress(base64.b64decode(packed))

    def serves(self, release: Release, manifest: Mapping[str, Any], rows: bytes) -> Memory:
        """With a release that serves now; what is noted of it is the caller's."""
        others = tuple(one for one in self.served if one.model_digest != release.model_digest)
        served = (release, *others)[:KEPT]
        packed = base64.b64encode(gzip.compress(rows, mtime=0)).decode()
        known = {**self.rows, _key(release): packed} if len(packed) <= LARGEST_ROWS else self.rows
        keys = {_key(one) for one in served}
        return replace(
            self,
            manifest=manifest,
            served=served,
            rows={key: value for key, value in known.items() if key in keys},
        )

    def serves_nothing(self) -> Memory:
        """After a delete: which commits and models were here stays known."""
        noted = {key: self.noted[key] for key in ("sequence", "refused") if key in self.noted}
        return replace(self, noted=noted, manifest=None)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The Secret `name`. Whoever writes it holds the lease."""

    client: KubeClient
    namespace: str
    name: str

    def read(self) -> Memory:
        """What is remembered. Raises BackendError where the Secret is not one that was written here."""
        found = self.client.get(f"{self._folder}/{self.name}")
        if found is None:
            return Memory()
        data = found.get("data") or {}
        try:
            state = json.loads(base64.b64decode(data[STATE]))
            return Memory(
                noted=state["noted"],
                manifest=state["manifest"],
                served=tuple(decode(Release, one) for one in state["served"]),
                rows={key: value for key, value in data.items() if key != STATE},
                there=found,
            )
        except (ValueError, KeyError, TypeError, CodecError):
            raise BackendError(
                f"the Secret {self.namespace}/{self.name} can't be read as a record of releases",
                hint="'kubectl delete secret' makes it forget: what serves serves on, what served before can't return",
                docs="kserve.md#what-is-kept",
            ) from None

    def write(self, memory: Memory) -> Memory:
        """Returns it as it is there now; writes nothing where nothing changed."""
        state = {
            "noted": memory.noted,
            "manifest": memory.manifest,
            "served": [encode(one) for one in memory.served],
        }
        packed = base64.b64encode(json.dumps(state, sort_keys=True).encode()).decode()
        data = {STATE: packed, **memory.rows}
        if memory.there is not None and memory.there.get("data") == data:
            return memory
        body = {"apiVersion": "v1", "kind": "Secret", "type": "mlops-ci/record", "data": data}
        if memory.there is None:
            meta = {"name": self.name, "labels": {"app.kubernetes.io/managed-by": "mlops-ci"}}
            there = self.client.create(self._folder, {**body, "metadata": meta})
        else:
            there = self.client.replace(f"{self._folder}/{self.name}", {**memory.there, **body})
        return replace(memory, there=there)

    @property
    def _folder(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets"


def _key(release: Release) -> str:
    return f"rows-{release.model_digest[:32]}"
