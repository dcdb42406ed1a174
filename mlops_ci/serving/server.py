"""KServe's `ModelServer` around one MLflow model: on sockets of ours, with a stop that loses no request."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from dataclasses import dataclass

import uvloop
from kserve import ModelServer
from kserve.model_server import app as kserve_app
from kserve.protocol.rest.server import RESTServer

from mlops_ci.errors import BackendError
from mlops_ci.serving.app import App
from mlops_ci.serving.connections import Connections
from mlops_ci.serving.model import MlflowModel
from mlops_ci.serving.settings import Settings
from mlops_ci.serving.starter import Starter
from mlops_ci.serving.worker import Worker

log = logging.getLogger("mlops_ci.serving")


@dataclass(frozen=True, kw_only=True)
class Start:
    """What to serve, how, and for whom."""

    digest: str
    settings: Settings
    starter: Starter


class Server(ModelServer):  # type: ignore[misc]
    """Its registry, data plane and endpoints are KServe's; sockets, signals and predictions are ours."""

    def __init__(self, start: Start) -> None:
        super().__init__(enable_grpc=False, workers=1)
        self.begin = start
        self.cut_off = 0

    def start(self, models: list[MlflowModel]) -> None:
        """Serve until SIGTERM or SIGINT. Raises BackendError where requests had to be cut off at the time limit."""
        for model in models:
            self.register_model(model)
        # The port is never bound: what is wanted of it are KServe's routes and error handlers on its application.
        RESTServer("", self.dataplane, self.model_repository_extension, 0).create_application()
        # What is loaded stays: without this, each full collection walks a million objects of libraries, mid-request.
        gc.collect()
        gc.freeze()
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._serve_one(models[0]))
        finally:
            loop.close()
        if self.cut_off:
            raise BackendError(f"{self.cut_off} requests were cut off at the time limit of the stop")

    async def _serve_one(self, model: MlflowModel) -> None:
        settings = self.begin.settings
        worker = Worker(model, settings)
        app = App(
            model,
            digest=self.begin.digest,
            settings=settings,
            kserve=kserve_app,
            dataplane=self.dataplane,
            worker=worker,
        )
        app.trial = self.begin.starter.standby is not None
        connections = Connections(app)
        stop, take_over = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGUSR1, take_over.set)
        await connections.listen(self.begin.starter.listener)
        self._tell(taken_over=False)
        log.info("serving %s (%s) on port %d", model.name, self.begin.digest[:12], self._port())
        taking = asyncio.ensure_future(self._take_over(take_over, connections, app))
        await stop.wait()
        taking.cancel()
        app.draining = True
        await connections.stop_listening()
        log.info("stopping; finishing %d connections", len(connections.state.connections))
        self.cut_off = await connections.drain(idle_seconds=settings.drain_idle_seconds, seconds=settings.drain_seconds)
        worker.stop()
        await loop.run_in_executor(None, app.close)

    async def _take_over(self, signalled: asyncio.Event, connections: Connections, app: App) -> None:
        """Serve the shared socket from the first SIGUSR1 on."""
        await signalled.wait()
        standby = self.begin.starter.standby
        if standby is None:
            log.warning("SIGUSR1 without --standby-fd: there is nothing to take over")
            return
        app.trial = False
        await connections.share(standby)
        self._tell(taken_over=True)
        log.info("took over the public socket")

    def _port(self) -> int:
        port: int = self.begin.starter.listener.getsockname()[1]
        return port

    def _tell(self, *, taken_over: bool) -> None:
        self.begin.starter.tell({"port": self._port(), "pid": os.getpid(), "took_over": taken_over})
