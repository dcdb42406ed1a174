"""The threads that call the model, so that the event loop stays free for health checks and for other requests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlops_ci.serving.answers import Output
from mlops_ci.serving.model import MlflowModel
from mlops_ci.serving.question import Question
from mlops_ci.serving.refusals import MODEL_FAILED, Refusal
from mlops_ci.serving.settings import Batch, Settings
from mlops_ci.serving.values import Array

log = logging.getLogger("mlops_ci.serving")
Observer = Callable[[Question, list[Output]], None]


@dataclass(kw_only=True, eq=False)
class Task:
    """One request on its way through a worker: read, predicted with others or alone, written."""

    read: Callable[[], Question]
    write: Callable[[Question, list[Output]], bytes]
    future: asyncio.Future[bytes]
    observe: Observer
    question: Question


NOT_READ = Question(columns={}, rows=0)


class Worker:
    """`settings.threads` threads that take tasks in turn; with `batch`, those that wait together go together."""

    def __init__(self, model: MlflowModel, settings: Settings) -> None:
        self.model = model
        self.batch = settings.batch
        self.max_waiting = settings.max_waiting
        self.waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.loop = asyncio.get_running_loop()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(settings.threads)]
        for thread in self.threads:
            thread.start()

    def submit(
        self,
        read: Callable[[], Question],
        write: Callable[[Question, list[Output]], bytes],
        observe: Observer,
    ) -> asyncio.Future[bytes]:
        """A future of the answer's bytes or of a Refusal. Raises Refusal (503) where too many wait already."""
        if self.waiting.qsize() >= self.max_waiting:
            raise Refusal(503, "too many requests are waiting; try again", reason="overload")
        future: asyncio.Future[bytes] = self.loop.create_future()
        self.waiting.put(Task(read=read, write=write, future=future, observe=observe, question=NOT_READ))
        return future

    def stop(self) -> None:
        """End the threads, after what waits."""
        for _ in self.threads:
            self.waiting.put(None)
        for thread in self.threads:
            thread.join(timeout=1)

    def _work(self) -> None:
        left: Task | None = None
        while (task := left or self.waiting.get()) is not None:
            left = None
            if task.question is NOT_READ and not self._read(task):
                continue
            tasks = [task]
            if self.batch is not None:
                tasks, left = self._company(task, self.batch)
            for group in _groups(tasks):
                self._answer(group)

    def _company(self, first: Task, batch: Batch) -> tuple[list[Task], Task | None]:
        """The first task with those that wait, up to `max_rows`; and the one that was too many."""
        tasks, rows = [first], first.question.rows
        until = time.monotonic() + batch.max_wait_ms / 1000
        while rows < batch.max_rows:
            try:
                task = self.waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if task is None:
                self.waiting.put(None)
                break
            if self._read(task):
                rows += task.question.rows
                if rows > batch.max_rows:
                    return tasks, task
                tasks.append(task)
        return tasks, None

    def _read(self, task: Task) -> bool:
        if task.future.cancelled():
            return False
        try:
            task.question = task.read()
        except BaseException as error:
            self._refuse(task, error)
            return False
        return True

    def _answer(self, tasks: list[Task]) -> None:
        """One call of the model for all; where it fails, one for each, so that an error stays with its request."""
        questions = [task.question for task in tasks]
        try:
            outputs = self.model.answer(_joined(questions), questions[0])
            rows = sum(question.rows for question in questions)
            if len(tasks) > 1 and any(len(output.values) != rows for output in outputs):
                raise MODEL_FAILED
        except BaseException as error:
            if len(tasks) == 1:
                self._refuse(tasks[0], self.model.fault(questions[0]) if error is MODEL_FAILED else error)
                return
            for task in tasks:
                self._answer([task])
            return
        ends = list(itertools.accumulate(question.rows for question in questions))
        for task, end in zip(tasks, ends, strict=True):
            own = [output.rows(end - task.question.rows, end) for output in outputs] if len(tasks) > 1 else outputs
            self._deliver(task, own)

    def _deliver(self, task: Task, outputs: list[Output]) -> None:
        try:
            body = task.write(task.question, outputs)
        except BaseException as error:
            self._refuse(task, error)
            return
        self._finish(task, body)
        try:
            task.observe(task.question, outputs)
        except Exception:
            log.exception("an answered request could not be counted")

    def _refuse(self, task: Task, error: BaseException) -> None:
        if not isinstance(error, Refusal):
            log.error("a request failed", exc_info=error)
            error = MODEL_FAILED
        self._finish(task, error)

    def _finish(self, task: Task, result: bytes | Refusal) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the stop's time limit is over
            self.loop.call_soon_threadsafe(_resolve, task.future, result)


def _resolve(future: asyncio.Future[bytes], result: bytes | Refusal) -> None:
    if future.cancelled():
        return
    if isinstance(result, Refusal):
        future.set_exception(result)
    else:
        future.set_result(result)


def _groups(tasks: list[Task]) -> list[list[Task]]:
    """Tasks that may share a call; one with parameters of its own stays alone."""
    if len(tasks) == 1:
        return [tasks]
    groups: dict[object, list[Task]] = {}
    for task in tasks:
        key: object = task if task.question.params else task.question.alike
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def _joined(questions: list[Question]) -> dict[str, Array]:
    if len(questions) == 1:
        return dict(questions[0].columns)
    return {name: np.concatenate([question.columns[name] for question in questions]) for name in questions[0].columns}
