"""A Lease of coordination.k8s.io: whoever holds it changes one service; the next one waits.

The holder renews it while it works. One that was killed does not, and is followed once its time is up, measured by the
one who waits: two machines' clocks need not agree.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.backends.kserve.kube_client import KubeClient, Refused
from mlops_ci.errors import BackendError
from mlops_ci.io import clock
from mlops_ci.ports.say import Say

SECONDS = 15
WAIT_SECONDS = 900.0
STEP = 0.5


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The one called `name`."""

    client: KubeClient
    namespace: str
    name: str
    seconds: int = SECONDS
    wait_seconds: float = WAIT_SECONDS

    @contextlib.contextmanager
    def held(self, say: Say) -> Iterator[Holding]:
        """Hold it; wait for whoever does. Raises BackendError, naming that one, where it takes too long."""
        holding = Holding(lease=self, identity=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}")
        self._take(holding.identity, say)
        renewing = threading.Thread(target=holding.renew, name=self.name, daemon=True)
        renewing.start()
        try:
            yield holding
        finally:
            holding.ended.set()
            renewing.join()
            with contextlib.suppress(BackendError):
                self._free(holding.identity)

    def _take(self, identity: str, say: Say) -> None:
        ends, told = clock.stopwatch() + self.wait_seconds, ""
        seen, since = "", 0.0
        while True:
            found = self.client.get(self.path)
            holder = _holder(found)
            version = found["metadata"]["resourceVersion"] if found else ""
            if version != seen:
                seen, since = version, clock.stopwatch()
            expired = clock.stopwatch() - since >= _seconds(found, self.seconds)
            if (not holder or expired) and self._write(found, identity):
                return
            if holder and holder != told:
                say(f"waiting for {holder}, who deploys here")
                told = holder
            if clock.stopwatch() >= ends:
                raise BackendError(
                    f"{holder or 'somebody'} has been deploying here for more than {self.wait_seconds:.0f} s",
                    hint=f"wait for it, or end it, and run this again (Lease {self.namespace}/{self.name})",
                    docs="kserve.md#one-at-a-time",
                )
            clock.sleep(min(STEP, self.seconds / 4))

    def _write(self, found: Any, identity: str) -> bool:
        """Whether it is ours now: somebody else may have been faster, or this was written and its answer lost."""
        now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": identity,
            "leaseDurationSeconds": self.seconds,
            "acquireTime": now,
            "renewTime": now,
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
        try:
            if found is None:
                folder = self.path.rpartition("/")[0]
                self.client.create(folder, {**body, "metadata": {"name": self.name, "namespace": self.namespace}})
            else:
                self.client.replace(self.path, {**body, "metadata": found["metadata"]})
        except Refused as error:
            if error.status == 409:
                return False
            raise
        return True

    def _free(self, identity: str) -> None:
        found = self.client.get(self.path)
        if _holder(found) == identity:
            self.client.replace(self.path, {**found, "spec": {**found["spec"], "holderIdentity": ""}})

    @property
    def path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A lease that is held, as long as `check` does not raise. `faults` are why it could not be renewed."""

    lease: Lease
    identity: str
    ended: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    faults: list[BackendError] = field(default_factory=list)

    def check(self) -> None:
        """Before each write. Raises BackendError where somebody else may be at it by now."""
        if self.lost.is_set() and self.faults:
            raise self.faults[-1]
        if self.lost.is_set():
            raise BackendError(
                f"the lease {self.lease.name} was lost: another deployment may be under way",
                hint="nothing more was changed; run the same command again",
                docs="kserve.md#one-at-a-time",
            )

    def renew(self) -> None:
        """Until `ended`. A cluster that does not answer for the lease's time has lost it for us."""
        renewed = clock.stopwatch()
        while not self.ended.wait(self.lease.seconds / 3):
            try:
                if not self._renewed():
                    break
                renewed = clock.stopwatch()
                self.faults.clear()
            except BackendError as error:
                self.faults.append(error)
                if clock.stopwatch() - renewed >= self.lease.seconds * 2 / 3:
                    break
        if not self.ended.is_set():
            self.lost.set()

    def _renewed(self) -> bool:
        found = self.lease.client.get(self.lease.path)
        return _holder(found) == self.identity and self.lease._write(found, self.identity)


def _holder(found: Mapping[str, Any] | None) -> str:
    return str((found or {}).get("spec", {}).get("holderIdentity") or "")


def _seconds(found: Mapping[str, Any] | None, otherwise: int) -> float:
    return float((found or {}).get("spec", {}).get("leaseDurationSeconds") or otherwise)
