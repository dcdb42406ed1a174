"""Requests and predictions as Parquet windows in a folder: what the drift loop reads.

A request never waits for it: what the queue has no room for is dropped and counted.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
from datetime import datetime, timezone

from mlops_ci.serving.answers import Output
from mlops_ci.serving.metrics import Metrics
from mlops_ci.serving.question import Question
from mlops_ci.serving.settings import Log
from mlops_ci.serving.window import Record, Window

log = logging.getLogger("mlops_ci.serving")
WAITING = 10_000  # rows that may wait for the writer
LONG = 200  # characters of a request id that are kept


class Windows:
    """The writer thread and its queue."""

    def __init__(self, settings: Log, *, digest: str, metrics: Metrics) -> None:
        self.settings = settings
        self.digest = digest
        self.metrics = metrics
        self.lock = threading.Lock()
        self.rows_waiting = 0
        self.serial = 0
        self.waiting: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._write_all, daemon=True)
        self.thread.start()

    def offer(self, request: str, question: Question, outputs: list[Output]) -> None:
        """Take a sampled request, or drop it where the writer is behind. Never raises, never waits."""
        if self.settings.sample < 1 and random.random() >= self.settings.sample:  # noqa: S311 - a sample, not a secret
            return
        with self.lock:
            if self.rows_waiting and self.rows_waiting + question.rows > WAITING:
                self.metrics.log_dropped.inc(question.rows)
                return
            self.rows_waiting += question.rows
        self.waiting.put(Record(time=time.time(), request=request[:LONG], question=question, outputs=outputs))

    def close(self) -> None:
        """Write what is there, and end."""
        self.waiting.put(None)
        self.thread.join()

    def _write_all(self) -> None:
        window: Window | None = None
        while True:
            try:
                wait = None if window is None else window.start + self.settings.rotate_seconds - time.time()
                record = self.waiting.get(timeout=wait if wait is None else max(0.0, wait))
            except queue.Empty:
                self._write(window)
                window = None
                continue
            if record is None:
                self._write(window)
                return
            window = self._take(record, window)
            with self.lock:
                self.rows_waiting -= record.question.rows

    def _take(self, record: Record, window: Window | None) -> Window | None:
        """Put a record into its window; a window that is over, or full, is written."""
        seconds = self.settings.rotate_seconds
        start = int(record.time // seconds) * seconds
        if window is None or window.start != start:
            self._write(window)
            window = Window(start=start, digest=self.digest, redact=self.settings.redact)
        try:
            window.add(record)
        except Exception:
            log.exception("a request could not be logged")
            self.metrics.log_dropped.inc(record.question.rows)
        if window.rows < self.settings.rotate_rows:
            return window
        self._write(window)
        return None

    def _write(self, window: Window | None) -> None:
        """One file, written beside and renamed. A failure is logged and counted; the server goes on."""
        if window is None:
            return
        self.serial += 1
        begun = datetime.fromtimestamp(window.start, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = self.settings.folder / f"{begun}-{self.digest[:12]}-{os.getpid()}-{self.serial}.parquet"
        beside = path.with_name(f".{path.name}.new")
        try:
            from pyarrow import parquet

            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(window.table(), beside, compression="zstd")
            os.replace(beside, path)
        except Exception:
            log.exception("the request log could not be written")
            self.metrics.log_dropped.inc(window.rows)
        else:
            self.metrics.log_rows.inc(window.rows)
