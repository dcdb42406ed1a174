"""The ASGI application in front of KServe's: predictions, metadata and metrics are ours, health and lists are KServe's.

KServe's own prediction path answers bad input with 500 and the input in the message, and checks a frame against the
signature once more in MLflow; its repository routes would let anyone unload the model. Neither is reachable.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

import orjson
from prometheus_client import REGISTRY, exposition

from mlops_ci.serving import answers, events
from mlops_ci.serving.answers import Output
from mlops_ci.serving.bodies import JSON, content_type, parse
from mlops_ci.serving.metrics import Metrics
from mlops_ci.serving.model import MlflowModel
from mlops_ci.serving.question import Question
from mlops_ci.serving.receiving import Gone, read_body
from mlops_ci.serving.refusals import MODEL_FAILED, Refusal
from mlops_ci.serving.routes import Route, Routes
from mlops_ci.serving.settings import Settings
from mlops_ci.serving.v1 import read_v1
from mlops_ci.serving.v2 import read_v2
from mlops_ci.serving.windows import Windows
from mlops_ci.serving.worker import Worker

log = logging.getLogger("mlops_ci.serving")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
READ = {"v1": read_v1, "v2": read_v2}
STOPPING = Refusal(503, "the server is stopping", reason="stopping")
CLIENT_GONE = 499  # nginx's number for a client that left before its answer
DIGEST_HEADER = b"x-mlops-model-digest"


class App:
    """One model. `draining` makes every answer the last one on its connection; on `trial` no request is logged: it is
    not yet one of a user's."""

    def __init__(
        self, model: MlflowModel, *, digest: str, settings: Settings, kserve: Any, dataplane: Any, worker: Worker
    ) -> None:
        """`kserve` is KServe's ASGI application, `dataplane` what stands behind it."""
        self.model = model
        self.settings = settings
        self.kserve = kserve
        self.dataplane = dataplane
        self.worker = worker
        self.version = settings.version or digest[:12]
        self.metrics = Metrics(name=model.name, digest=digest, version=self.version)
        self.routes = Routes(model.name, self.version)
        self.windows = Windows(settings.log, digest=digest, metrics=self.metrics) if settings.log else None
        self.limit = int(settings.max_body_mb * 1_000_000)
        self.source = f"io.kserve.inference.{model.name}"
        self.always: Headers = [(DIGEST_HEADER, digest.encode())]
        self.digest = digest
        self.draining = False
        self.trial = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens is counted and is JSON."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        route, status = Route(protocol="none", name="unknown", method="GET"), 500
        self.metrics.in_flight.inc()
        try:
            route = self.routes.find(scope["path"], scope["method"])
            status = await self._answer(route, scope, receive, send)
        except Refusal as refusal:
            status = await self._refuse(refusal, scope, send)
        except Gone:
            status = CLIENT_GONE
        except asyncio.CancelledError:  # the stop's time limit is over
            status = await self._refuse(STOPPING, scope, send)
        except Exception:
            log.exception("a request failed")
            status = await self._refuse(MODEL_FAILED, scope, send)
        finally:
            self.metrics.in_flight.dec()
            self.metrics.answered(route.protocol, route.name, status, time.perf_counter() - started)

    def close(self) -> None:
        """Write what the request log holds."""
        if self.windows is not None:
            self.windows.close()

    async def _answer(self, route: Route, scope: Scope, receive: Receive, send: Send) -> int:
        if route.name == "predict":
            return await self._predict(route.protocol, scope, receive, send)
        if route.name == "metrics":
            encoder, kind = exposition.choose_encoder(_headers(scope).get(b"accept", b"").decode("latin-1"))
            return await self._send(send, 200, encoder(REGISTRY), [(b"content-type", kind.encode())])
        if route.name in ("server", "metadata"):
            document = await self._metadata() if route.name == "metadata" else self._server()
            return await self._send(send, 200, orjson.dumps(document), [(b"content-type", JSON.encode())])
        if route.name == "ready" and self.draining:  # KServe's answer is about the model alone
            raise STOPPING
        return await self._from_kserve(scope, receive, send)

    async def _predict(self, protocol: str, scope: Scope, receive: Receive, send: Send) -> int:
        headers = _headers(scope)
        media = content_type(headers)
        event = events.binary_event(headers)
        if media not in (JSON, events.STRUCTURED):
            raise Refusal(415, "the content type must be application/json", reason="content_type")
        body = await read_body(receive, headers, limit=self.limit, seconds=self.settings.read_seconds)
        if media == events.STRUCTURED:
            event = await asyncio.to_thread(events.structured_event, body)
        document = event.data if event is not None else None
        read = partial(self._read, protocol, body if document is None else b"", document)
        request = (headers.get(b"x-request-id") or headers.get(b"ce-id", b"")).decode("latin-1")
        found = await self.worker.submit(read, partial(self._write, protocol), partial(self._observe, request))
        if event is None:
            return await self._send(send, 200, found, [(b"content-type", JSON.encode())])
        found, own = events.reply(event, found, self.source)
        return await self._send(send, 200, found, own)

    def _read(self, protocol: str, body: bytes, document: dict[str, Any] | None) -> Question:
        if document is None:
            document = parse(body)
        return READ[protocol](document, self.model.signature, refuse_null=self.settings.refuse_nan)

    def _write(self, protocol: str, question: Question, outputs: list[Output]) -> bytes:
        if protocol == "v1":
            return answers.v1(outputs, probabilities=question.probabilities)
        outputs = answers.chosen(outputs, question)
        return answers.v2(outputs, name=self.model.name, version=self.version, id=question.id)

    def _observe(self, request: str, question: Question, outputs: list[Output]) -> None:
        if question.probabilities:
            outputs = outputs[:-1]
        self.metrics.predicted(question.rows, outputs, are_classes=self.model.classes is not None)
        if self.windows is not None and not self.trial:
            self.windows.offer(request or question.id or str(uuid.uuid4()), question, outputs)

    async def _metadata(self) -> dict[str, Any]:
        """KServe's own, and what is served."""
        own = await self.dataplane.model_metadata(self.model.name)
        return {**own, "platform": "mlflow_pyfunc", "versions": [self.version], "properties": {"digest": self.digest}}

    def _server(self) -> dict[str, Any]:
        """KServe's own, without the extension that this server does not offer: loading and unloading by request."""
        return {**self.dataplane.metadata(), "extensions": []}

    async def _from_kserve(self, scope: Scope, receive: Receive, send: Send) -> int:
        status = 500

        async def pass_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._own_headers()]
            await send(message)

        await self.kserve(scope, receive, pass_on)
        return status

    def _own_headers(self) -> Headers:
        return [*self.always, (b"connection", b"close")] if self.draining else self.always

    async def _refuse(self, refusal: Refusal, scope: Scope, send: Send) -> int:
        self.metrics.rejections.labels(refusal.reason).inc()
        headers: Headers = [(b"content-type", JSON.encode())]
        if refusal.status == 405:
            headers.append((b"allow", self.routes.allowed(scope["path"]).encode()))
        if refusal.status == 503:
            headers.append((b"retry-after", b"1"))
        if b"expect" in _headers(scope):  # the body was not asked for: nobody knows whether it still comes
            headers.append((b"connection", b"close"))
        return await self._send(send, refusal.status, refusal.body(), headers)

    async def _send(self, send: Send, status: int, body: bytes, headers: Headers) -> int:
        length = (b"content-length", str(len(body)).encode())
        start = {"type": "http.response.start", "status": status, "headers": [*headers, length, *self._own_headers()]}
        await send(start)
        await send({"type": "http.response.body", "body": body})
        return status


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])
