"""Scores many rows, piece by piece, in the user's environment; loaded by the scorer script.

Threads hand batches on to each other: one reads ahead, one writes, and between them one predicts, or a few where the
model allows it. A part is written beside and renamed, so that it is whole or absent. Like its neighbours it imports
nothing of ours.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROGRESS = "mlops-ci: "
WAITING = 1  # batches between two threads
MOST_LANES = 4
EVERY_SECONDS = 2.0
END = object()


def score(job: Any, beside: Any, peak_memory: Any) -> Any:
    """Write every part that the job names; the summary of it."""
    refuse_formats(job)
    models, started = beside("batch_model"), time.monotonic()
    model = models.Model(job, beside)
    for file in job["files"]:
        file["columns"] = model.columns(file["name"], [*file["names"], *file["partition"]])
    loaded, memory = time.monotonic(), peak_memory()
    line = Line(job, beside, model)
    rows = line.run()
    ended = time.monotonic()
    return {
        "rows": rows,
        "load_seconds": loaded - started,
        "seconds": ended - loaded,
        "model_memory_mb": memory,
        "peak_memory_mb": peak_memory(),
        "python": sys.version.split()[0],
    }


def refuse_formats(job: Any) -> None:
    """What the model server does before it loads a model, with the server's own files."""
    if job["formats"] is None:
        return
    sys.path.insert(0, job["code"])
    formats = importlib.import_module("mlops_ci.serving.formats")
    sys.path.remove(job["code"])
    formats.refuse_formats(Path(job["model_directory"]), tuple(job["formats"]), tuple(job["trusted"]))


class Line:
    """A thread that reads, one that writes, and this one, which has the rows predicted.

    Each hands its batches on to the next one in their order. Where one fails, those behind it finish what came before:
    every part that is whole by then is kept.
    """

    def __init__(self, job: Any, beside: Any, model: Any) -> None:
        self.job = job
        self.files = beside("batch_files")
        self.reading = beside("batch_reading")
        self.model = model
        self.errors: list[BaseException] = []
        self.read = Pipe()
        self.predicted = Pipe()
        self.rows = 0

    def run(self) -> int:
        """Rows that were scored."""
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._reader, self._writer)]
        for thread in threads:
            thread.start()
        self._guarded(self._predictor)
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
        return self.rows

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except Closed:
            pass  # the one that takes no more says why
        except BaseException as error:
            self.errors.append(error)

    def _reader(self) -> None:
        kept = self.reading.kept_schema(self.job)
        opened, file, codes = "", None, None
        try:
            for part in self.job["parts"]:
                part["file"] = self.job["files"][part["of"]]
                if part["file"]["place"] != opened:
                    opened = part["file"]["place"]
                    file = self.files.open_parquet(opened, os.environ)
                    codes = self.reading.Codes(file, part["file"]["columns"])
                for batch in self.reading.batches(part, file, codes, kept, self.job["batch_rows"], self.model):
                    self.read.put(batch)
        finally:
            self.read.end()

    def _predictor(self) -> None:
        """Several batches may be predicted at once."""
        lanes = lanes_of(self.model)
        waiting: Any = collections.deque()
        try:
            with ThreadPoolExecutor(lanes, initializer=share_processors, initargs=(lanes,)) as pool:
                for batch in self.read:
                    waiting.append(pool.submit(self._predict, batch))
                    if len(waiting) >= lanes:
                        self.predicted.put(waiting.popleft().result())
                while waiting:
                    self.predicted.put(waiting.popleft().result())
        finally:
            self.read.close()
            self.predicted.end()

    def _predict(self, batch: Any) -> Any:
        import pyarrow

        try:
            answers = self.model.answers(batch.frame)
        except Exception as error:
            error.place = batch.place()  # type: ignore[attr-defined]
            raise
        return batch.part, pyarrow.table({**batch.kept, **answers})

    def _writer(self) -> None:
        writer: Any = None
        missing = 0
        begun = told = time.monotonic()
        try:
            for part, table in self.predicted:
                if writer is None:
                    beside, missing = part["beside"], part["rows"]
                    writer = self._begin(part, table.schema)
                writer.write_table(table.cast(writer.schema))
                missing -= table.num_rows
                self.rows += table.num_rows
                if missing == 0:
                    writer.close()
                    self.files.put(beside, part["place"], os.environ)
                    writer = None
                if time.monotonic() - told > EVERY_SECONDS:
                    told = time.monotonic()
                    self._tell(part, told - begun)
        finally:
            self.predicted.close()
            if writer is not None:
                writer.close()
                os.unlink(beside)

    def _begin(self, part: Any, schema: Any) -> Any:
        from pyarrow import parquet

        notes = {**self.job["notes"], **part["notes"]}
        return parquet.ParquetWriter(part["beside"], schema.with_metadata(notes), compression="zstd")

    def _tell(self, part: Any, seconds: float) -> None:
        done = self.job["rows_done"] + self.rows
        share = f"{done:,} of {self.job['rows_total']:,} rows"
        print(f"{PROGRESS}{share}, {self.rows / seconds:,.0f} rows/s, in {part['file']['name']}", flush=True)


def lanes_of(model: Any) -> int:
    """How many batches are predicted at once: whole batches need not wait for each other, as threads within one do."""
    return min(MOST_LANES, processors()) if model.is_parallel else 1


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_processors(lanes: int) -> None:
    """Each lane's native threads get their share. OpenMP keeps that number for each thread."""
    if lanes > 1:
        import threadpoolctl  # scikit-learn brings it, and only its models have lanes

        threadpoolctl.threadpool_limits(max(1, processors() // lanes))


class Closed(Exception):
    """Nobody takes what was to be handed on."""


class Pipe:
    """Batches from one thread to another, WAITING at most in between."""

    def __init__(self) -> None:
        self.items: Any = queue.Queue(WAITING)
        self.closed = threading.Event()

    def put(self, item: Any) -> None:
        """Hand on, when there is room. Raises Closed once nobody takes any more."""
        while not self.closed.is_set():
            try:
                self.items.put(item, timeout=0.1)
                return
            except queue.Full:
                continue
        raise Closed

    def end(self) -> None:
        """Nothing more comes."""
        with contextlib.suppress(Closed):
            self.put(END)

    def close(self) -> None:
        """Nothing more is taken."""
        self.closed.set()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items.get, END)
