"""One InferenceService: read, applied, deleted, and asked who it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.kserve import manifest as kind
from mlops_ci.backends.kserve.kube_client import ClusterDown, KubeClient, Refused
from mlops_ci.backends.kserve.manifest import ENVIRONMENT, MODEL, annotations_of, served_image
from mlops_ci.backends.kserve.options import KserveOptions, own_name, service_name
from mlops_ci.backends.kserve.record import Memory, Record
from mlops_ci.backends.kserve.rollout import child_path
from mlops_ci.errors import BackendError, GateFailed
from mlops_ci.io import clock, http
from mlops_ci.records.models import Release
from mlops_ci.records.server import DIGEST_HEADER

ASK_SECONDS = 5.0
GONE_SECONDS = 120.0
SETTLE_SECONDS = 30.0  # until no request goes to a pod of before
STEP = 0.5
DOCS = "kserve.md"


@dataclass(frozen=True, kw_only=True)
class Service:
    """That of one model in one environment."""

    client: KubeClient
    options: KserveOptions
    model: str
    environment: str

    @property
    def name(self) -> str:
        return service_name(self.model, self.environment, self.options.namespace)

    @property
    def path(self) -> str:
        return kind.path(self.options.namespace, self.name)

    @property
    def record(self) -> Record:
        return Record(client=self.client, namespace=self.options.namespace, name=own_name(self.name))

    def read(self) -> Any:
        """The object; None where it is not there, or on its way out.

        Raises BackendError where one of this name is another's: it is not touched.
        """
        found = self.client.get(self.path)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return None
        owner = tuple(annotations_of(found).get(key) for key in (MODEL, ENVIRONMENT))
        if owner != (self.model, self.environment):
            whose = f"serves {owner[0]} in {owner[1]}" if all(owner) else "was not made by mlops-ci"
            raise BackendError(
                f"InferenceService {self.options.namespace}/{self.name} {whose}",
                hint=f"take another namespace for {self.environment}, or delete that service",
                docs=f"{DOCS}#names",
            )
        return found

    def child(self, manifest: Mapping[str, Any]) -> Any:
        """The Deployment or Knative Service that KServe made of it; None where there is none."""
        return self.client.get(child_path(manifest, self.options.mode))

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Apply it. Where the answer is lost, or a fault of the server, the object is looked at, not sent again.

        Raises BackendError where another field manager has a field, naming both.
        """
        try:
            self.client.apply(self.path, manifest, force=self.options.force_conflicts)
        except Refused as error:
            if error.status == 409:
                raise self.conflict(error) from None
            if error.status < 500 or not self._has(manifest):
                raise
        except ClusterDown:
            if not self._has(manifest):
                raise

    def _has(self, manifest: Mapping[str, Any]) -> bool:
        found = self.read()
        return found is not None and not difference(manifest, found)

    def conflict(self, error: Refused) -> BackendError:
        """Which fields are whose."""
        causes = [f"{place or 'a field'}: {message}" for place, message in error.causes] or [error.message]
        namespace = self.options.namespace
        cures = [
            f"set them as before, or delete them: kubectl -n {namespace} edit inferenceservice {self.name}",
            "'force_conflicts: true' in the environment takes them over",
        ]
        return BackendError(
            f"somebody else has fields of InferenceService {namespace}/{self.name}: {causes[0]}",
            hint="\n".join([*causes[1:], "nothing was changed", *cures]),
            docs=f"{DOCS}#conflicts",
        )

    def remove(self, check: Callable[[], None]) -> None:
        """Delete it and wait until it has gone. Raises BackendError where it does not go."""
        self.client.delete(self.path)
        ends = clock.stopwatch() + GONE_SECONDS
        while self.client.get(self.path) is not None:
            check()
            if clock.stopwatch() >= ends:
                raise BackendError(
                    f"InferenceService {self.options.namespace}/{self.name} was deleted and does not go",
                    hint="is KServe's controller up? It has to let the object go",
                )
            clock.sleep(STEP)

    def url(self, found: Mapping[str, Any]) -> str:
        """Where it answers: as configured, else as KServe says; '' where it says nothing."""
        status = found.get("status") or {}
        known = self.options.url or status.get("url") or (status.get("address") or {}).get("url") or ""
        return str(known).rstrip("/")

    def answers(self, url: str, *releases: Release) -> bool:
        """Whether the address is answered by one of the releases. A server that does not know our digest can only be
        asked whether it is ready."""
        ours = all(release.image_reference for release in releases)
        try:
            asked = f"/v2/models/{self.model}/ready" if ours else "/v2/health/ready"
            found = http.call("GET", f"{url}{asked}", timeout=ASK_SECONDS) if url else None
        except BackendError:
            return False
        if found is None or found.status != 200:
            return False
        return not ours or found.headers.get(DIGEST_HEADER) in {release.model_digest for release in releases}

    def settle(self, release: Release, check: Callable[[], None]) -> str:
        """The address, once the release answers there, or it should have long ago. Raises GateFailed where there is no
        address."""
        ends = clock.stopwatch() + SETTLE_SECONDS
        while True:
            check()
            url = self.url(self.read() or {})
            if self.answers(url, release):
                return url
            if clock.stopwatch() >= ends:
                break
            clock.sleep(STEP)
        if not url:
            raise GateFailed("KServe gives it no address", hint="'url' of the environment names one", docs=DOCS)
        return url

    def altered(self, found: Mapping[str, Any], release: Release, memory: Memory) -> str:
        """What is not as it was deployed, '' where all is."""
        if memory.release != release or memory.manifest is None:
            return "its deployment was not finished, or not recorded"
        if place := difference(memory.manifest, found):
            return f"{place} of its InferenceService was changed by hand"
        child = self.child(found)
        pod = (child or {}).get("spec", {}).get("template", {}).get("spec", {})
        if child is not None and release.image_reference and served_image(pod) != release.image_reference:
            return f"its pods run {served_image(pod) or 'no image'}, which is not the release's"
        return ""


def difference(wanted: Any, found: Any, place: str = "") -> str:
    """The first place where `found` lacks, or has otherwise, what is wanted; '' where there is none. What else `found`
    has, the server and others have put there."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return place or "it"
        return next(
            filter(
                None, (difference(item, found.get(key), f"{place}.{key}".strip(".")) for key, item in wanted.items())
            ),
            "",
        )
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return next(filter(None, (difference(one, other, f"{place}[{index}]") for index, (one, other) in pairs)), "")
    return "" if wanted == found else place or "it"
