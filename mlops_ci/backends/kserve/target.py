"""Serves releases with KServe: applied, rolled out, smoked, and taken back where one of these fails.

What served before is what the record says (kserve_record.py), not what the object says: whoever was killed halfway left
an object that nobody has smoked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.served_note import refuse, refused, removed_by
from mlops_ci.backends.kserve import diff as kserve_diff
from mlops_ci.backends.kserve import kube_lease
from mlops_ci.backends.kserve import rollout as kserve_rollout
from mlops_ci.backends.kserve import schema as kserve_schema
from mlops_ci.backends.kserve import trouble as kserve_trouble
from mlops_ci.backends.kserve.kube_client import ClusterDown, KubeClient, Refused
from mlops_ci.backends.kserve.kube_lease import Holding, Lease
from mlops_ci.backends.kserve.manifest import release_of, render
from mlops_ci.backends.kserve.options import KserveOptions, own_name
from mlops_ci.backends.kserve.record import Memory
from mlops_ci.backends.kserve.service import Service, difference
from mlops_ci.config.types import Environment
from mlops_ci.errors import BackendError, GateFailed, MlopsError
from mlops_ci.io import clock
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

ROWS = "smoke.json"
DOCS = "kserve.md"


@dataclass(frozen=True)
class KserveTarget:
    """Keeps the Deployer port for one environment. `kubeconfig` is what KUBECONFIG says, or such a file's text."""

    environment: Environment
    kubeconfig: str = field(default="", repr=False)
    lease_seconds: int = kube_lease.SECONDS

    def serving(self, model: str, environment: str) -> Serving | None:
        """What the cluster's object says, held against what was recorded and what its address answers."""
        service = self._service(model, environment)
        found = service.read()
        release = release_of(found) if found else None
        return self._serving(service, found, release) if release else None

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What is recorded in the namespace, the latest first."""
        return self._service(model, environment).record.read().served

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Apply, wait, smoke, record. Raises GateFailed where the release does not do, and what served is back."""
        service = self._service(job.release.model, job.environment, job.options)
        manifest = render(job.release, job.environment, service.options)
        with self._lease(service).held(say) as holding:
            return Deploying(service=service, job=job, manifest=manifest, holding=holding, say=say).run(self)

    def dry_run(self, release: Release, environment: str) -> tuple[str, ...]:
        """What the API server says that applying the release would change. A release that is not packed yet, which
        nobody can apply, changes nothing that could be told."""
        if not (release.image_reference or release.storage_uri):
            return ()
        service = self._service(release.model, environment)
        manifest, applied = self._planned(service, release)
        kserve_schema.refuse_invalid(manifest, self.schema)
        return kserve_diff.dry_run(service, manifest, applied)

    def delete(self, model: str, environment: str, *, sequence: int | None) -> None:
        """Delete the object; the record stays. Raises StaleError for an older commit than the record has."""
        service = self._service(model, environment)
        if sequence is None and service.read() is None and service.record.read().release is None:
            return
        with self._lease(service).held(lambda line: None) as holding:
            memory = service.record.read()
            if sequence is not None:
                noted = removed_by(sequence, environment, memory.noted)
                memory = service.record.write(replace(memory, noted=noted))
            if service.read() is not None:
                service.remove(holding.check)
            if memory.there is not None:
                service.record.write(memory.serves_nothing())

    def _planned(self, service: Service, release: Release) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """What deploying the release would apply, and what was applied last."""
        return render(release, service.environment, service.options), service.record.read().manifest

    def _serving(self, service: Service, found: Any, release: Release) -> Serving:
        memory, url = service.record.read(), service.url(found)
        return Serving(
            release=release,
            url=url,
            answering=service.answers(url, release),
            since=str(memory.noted.get("since", "")) if memory.release == release else "",
            restarts=kserve_trouble.restarts(self.client, service.options.namespace, service.name),
            altered=service.altered(found, release, memory),
            refused=str(memory.noted.get("refused", "")),
        )

    def _service(self, model: str, environment: str, options: Mapping[str, Any] | None = None) -> Service:
        known = KserveOptions.of(
            environment, self.environment.namespace, {**self.environment.options, **(options or {})}
        )
        return Service(client=self.client, options=known, model=model, environment=environment)

    def _lease(self, service: Service) -> Lease:
        namespace, name = service.options.namespace, own_name(service.name)
        return Lease(client=self.client, namespace=namespace, name=name, seconds=self.lease_seconds)

    @cached_property
    def client(self) -> KubeClient:
        """The cluster, and whoever the kubeconfig says we are there."""
        context = str(self.environment.options.get("context", ""))
        return KubeClient.open(kubeconfig=self.kubeconfig, context=context)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The cluster's own schema of an InferenceService."""
        return kserve_schema.published(self.client)


@dataclass(frozen=True, kw_only=True)
class Deploying:
    """One deployment, by the holder of the lease."""

    service: Service
    job: DeployJob
    manifest: dict[str, Any]
    holding: Holding
    say: Say

    def run(self, target: KserveTarget) -> tuple[Serving, bool]:
        """What serves, and whether anything was changed."""
        memory, found = self.service.record.read(), self.service.read()
        refuse(self.job, memory.noted)
        changed = not self._serves_already(memory, found)
        noted = self._noted(memory)
        if changed:
            with tempfile.TemporaryDirectory() as folder:
                memory = self.bring(memory, found, Path(folder), target.schema)
        self.holding.check()
        self.service.record.write(replace(memory, noted=noted))
        return target._serving(self.service, self.service.read() or {}, self.job.release), changed

    def _serves_already(self, memory: Memory, found: Any) -> bool:
        release, mode = self.job.release, self.service.options.mode
        if found is None or memory.release != release or memory.manifest != self.manifest:
            return False
        if difference(self.manifest, found):
            return False
        ready = kserve_rollout.rollout(self.manifest, self.service.child(self.manifest), mode).ready
        return ready and self.service.answers(self.service.url(found), release)

    def bring(self, memory: Memory, found: Any, folder: Path, schema: Mapping[str, Any]) -> Memory:
        """Serve the release, whose manifest must fit `schema`; the record as it is to be."""
        kserve_schema.refuse_invalid(self.manifest, schema)
        rows = self._rows(memory, folder)
        before = self._before(memory, found)
        memory = self.service.record.write(memory)  # there from now on: without it nobody knows what was smoked
        self.holding.check()
        self.say(f"applying InferenceService {self.service.options.namespace}/{self.service.name}")
        self.service.apply(self.manifest)
        try:
            self._follow(folder)
        except GateFailed as error:
            lines = kserve_trouble.told(self.service.client, self.manifest)
            hint = [error.hint, *lines, self._back(before)]
            raise GateFailed(error.message, hint="\n".join(filter(None, hint)), docs=f"{DOCS}#smoke") from error
        return memory.serves(self.job.release, self.manifest, rows)

    def _rows(self, memory: Memory, folder: Path) -> bytes:
        """The rows of the smoke, put where the smoke reads them."""
        path = folder / ROWS
        kept = memory.rows_of(self.job.release)
        if kept is None:
            self.job.bring_rows(folder)
        elif kept:
            path.write_bytes(kept)
        return path.read_bytes() if path.is_file() else b""

    def _before(self, memory: Memory, found: Any) -> Mapping[str, Any] | None:
        """What to go back to: as recorded; where the record was lost, what the object says; None for the first."""
        if memory.there is not None or found is None:
            return memory.manifest
        release = release_of(found)
        return render(release, self.job.environment, self.service.options) if release else None

    def _follow(self, folder: Path) -> None:
        """Until it is rolled out and smoked. Raises GateFailed, and what the cluster itself says no with."""
        self._wait(self.manifest)
        try:
            url = self.service.settle(self.job.release, self.holding.check)
            self.say(f"smoking it at {url}")
            smoke = self.job.smoke if self.job.release.image_reference else self.job.smoke_by_answers
            (smoke or self.job.smoke)(url, folder)
        except (GateFailed, ClusterDown, Refused):
            raise
        except MlopsError as error:
            self.holding.check()
            raise GateFailed(f"the smoke got no answer: {error.message}") from error

    def _wait(self, manifest: Mapping[str, Any]) -> None:
        kserve_rollout.wait(
            self.service.client,
            manifest,
            self.service.options.mode,
            seconds=self.service.options.ready_seconds,
            check=self.holding.check,
            say=self.say,
        )

    def _back(self, before: Mapping[str, Any] | None) -> str:
        """Serve what served before, and say whether it does."""
        try:
            self.holding.check()
            if before is None:
                self.service.remove(self.holding.check)
                return "nothing served here before: it was taken away again"
            if before == self.manifest:
                return "it is what served before: nothing was changed"
            self.say("going back to what served before")
            self.service.apply(before)
            self._wait(before)
            release = release_of(before)
            if release is None or not self.service.answers(self.service.settle(release, self.holding.check), release):
                return "what served before is rolled out again, and its address does not answer with it"
        except BackendError as error:
            return f"what served before could not be brought back: {error.message}"
        except GateFailed as error:
            return f"what served before does not come back: {error.message}"
        return "what served before serves on"

    def _noted(self, memory: Memory) -> dict[str, Any]:
        """What is to be said of the release once it serves."""
        since = memory.noted.get("since") if memory.release == self.job.release else None
        return {
            "release": encode(self.job.release),
            "since": since or clock.timestamp(),
            "sequence": self.job.sequence,
            "refused": refused(self.job, memory.noted),
        }
