"""The door to a cluster's API server: one request, one JSON document, and errors that say what to do.

The kubernetes client brings the kubeconfig, the credentials and TLS. Its own retries are off and its models unused:
what it answers is parsed here. Reads are asked again where the server is busy or away for a moment; a write is asked
again only where the server says that it did not begin with it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mlops_ci.errors import BackendError, MissingExtra
from mlops_ci.io import clock

UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError)  # what the library raises of odd files
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
FIELD_MANAGER = "mlops-ci"
SECONDS = (5.0, 30.0)  # to connect, to answer
WAITS = (0.2, 0.5, 1.0, 2.0)
BUSY = (429, 503)  # said before anything is done
AWAY = (502, 504)
DOCS = "kserve.md"


class ClusterDown(BackendError):
    """Nobody answers, or somebody in between."""

    page = f"{DOCS}#when-something-is-wrong"


class Refused(BackendError):
    """The API server's no. `status` is HTTP's; `causes` are (field, message) where it names fields."""

    page = f"{DOCS}#when-something-is-wrong"

    def __init__(self, status: int, message: str, causes: tuple[tuple[str, str], ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.causes = causes


@dataclass(frozen=True, kw_only=True)
class KubeClient:
    """One cluster, as one user. `api` is the library's; `host` is for messages."""

    api: Any = field(repr=False)
    host: str

    @classmethod
    def open(cls, *, kubeconfig: str, context: str) -> KubeClient:
        """From `kubeconfig` (files separated as in KUBECONFIG, or a file's very text; '' is ~/.kube/config), or, where
        there is none and no context is asked for, from the service account of the pod that this runs in.

        Raises BackendError.
        """
        try:
            from kubernetes import client, config
        except ImportError:
            raise MissingExtra("deploy", "kubernetes") from None
        configuration = client.Configuration()
        try:
            try:
                if "\n" in kubeconfig:
                    config.load_kube_config_from_dict(_document(kubeconfig), context or None, configuration, False)
                else:
                    config.load_kube_config(kubeconfig or None, context or None, configuration, persist_config=False)
            except config.ConfigException:
                if kubeconfig or context:
                    raise
                config.load_incluster_config(configuration)
        except (config.ConfigException, *UNREADABLE) as error:
            raise BackendError(
                f"no cluster is configured: {_first_line(error)}",
                hint="set KUBECONFIG, and 'context' of the environment where it is not the current one",
                docs=f"{DOCS}#which-cluster",
            ) from None
        configuration.retries = False
        return cls(api=client.ApiClient(configuration), host=urlsplit(configuration.host).netloc)

    def get(self, path: str, **query: str) -> Any:
        """What is at `path`; None where nothing is."""
        return self._read(path, query, JSON)

    def text(self, path: str, **query: str) -> str:
        """What is at `path`, as text; '' where nothing is."""
        return self._read(path, query, "*/*") or ""

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """A new object. Raises Refused with 409 where there is one."""
        return self._write("POST", path, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Any:
        """An object in place of the one whose `resourceVersion` it has. Raises Refused with 409 where that is gone."""
        return self._write("PUT", path, body)

    def apply(self, path: str, body: Mapping[str, Any], *, force: bool = False, dry_run: bool = False) -> Any:
        """A server-side apply. Raises Refused with 409 where another field manager has a field."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return self._write("PATCH", path, body, query, kind=APPLY)

    def delete(self, path: str) -> bool:
        """Whether there was something to delete. What is deleted may take a while to go."""
        try:
            self._write("DELETE", path, None)
        except Refused as error:
            if error.status == 404:
                return False
            raise
        return True

    def _read(self, path: str, query: Mapping[str, str], kind: str) -> Any:
        for wait in (*WAITS, None):
            try:
                return self._call("GET", path, None, query, {"Accept": kind})
            except (ClusterDown, Refused) as error:
                status = error.status if isinstance(error, Refused) else 0
                if status == 404:
                    return None
                if wait is None or status not in (0, *BUSY, *AWAY):
                    raise
            clock.sleep(_jittered(wait))
        raise AssertionError("unreachable")

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None = None,
        *,
        kind: str = JSON,
    ) -> Any:
        for wait in (*WAITS, None):
            try:
                return self._call(method, path, body, query or {}, {"Accept": JSON, "Content-Type": kind})
            except Refused as error:
                if wait is None or error.status not in BUSY:
                    raise
            clock.sleep(_jittered(wait))
        raise AssertionError("unreachable")

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], headers: dict[str, str]
    ) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        asked = list(query.items())
        self.api.update_params_for_auth(headers, asked, ["BearerToken"])
        try:
            answer = self.api.request(
                method,
                f"{self.api.configuration.host}{path}",
                query_params=asked,
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=SECONDS,
            )
            content = answer.data
        except ApiException as error:
            if error.status:
                raise _refused(error.status, error.body, self.host) from None
            raise self._down(str(error.reason)) from None  # TLS
        except (HTTPError, OSError) as error:
            raise self._down(_first_line(error)) from None
        return json.loads(content) if headers["Accept"] == JSON else content.decode("utf-8", "replace")

    def _down(self, reason: str) -> ClusterDown:
        return ClusterDown(
            f"the cluster at {self.host} does not answer: {reason.splitlines()[0] if reason else 'no reason given'}",
            hint="nothing more was changed; run the same command again when it is up",
        )


def _refused(status: int, body: Any, host: str) -> Refused:
    """The server's own words; headers, where credentials may be, are never shown."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        document = json.loads(text)
        message = str(document["message"])
        causes = tuple(
            (str(one.get("field", "")), str(one.get("message", "")))
            for one in (document.get("details") or {}).get("causes") or []
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        message, causes = f"it answered {status}", ()
    message = message[:500]
    if status == 401:
        return Refused(status, f"the cluster at {host} does not know who asks", hint="renew the kubeconfig's login")
    if status == 403:
        hint = f"what the deployer must be allowed is in {DOCS}, 'Rights'"
        return Refused(status, f"the cluster forbids it: {message}", causes, hint)
    return Refused(status, f"the cluster refuses: {message}", causes)


def _document(text: str) -> Any:
    """Raises ValueError that quotes nothing of it: it is a secret."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("the kubeconfig that was given as text is no YAML") from None


def _first_line(error: Exception) -> str:
    """Without the objects that urllib3 puts around its reasons."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):
        return _first_line(reason)
    text = str(error).rpartition("object at 0x")[2].partition(": ")[2] or str(error)
    return (text.splitlines() or [type(error).__name__])[0][:300]


def _jittered(seconds: float) -> float:
    """Two that were refused together don't come back together."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311
