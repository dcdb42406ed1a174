"""What `/metrics` tells beyond KServe's own: requests by status class, latency, rows, predictions, refusals."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from mlops_ci.serving.answers import Output

SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
# Tenths for shares, decades beyond: fit for probabilities and for most amounts. Below zero there is one bucket only,
# because Prometheus knows no count and no sum of a histogram with negative limits.
VALUES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
CLASSES = 50
FEW = 16  # up to this many values, plain Python is faster than numpy


class Predictions(Collector):
    """A histogram of predicted numbers for each output, filled a whole request at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[str, list[int]] = {}
        self.sums: dict[str, float] = {}

    def add(self, output: str, values: Any) -> None:
        """Count finite values; the others have no place in a histogram."""
        values = values[np.isfinite(values)]
        if len(values) <= FEW:
            places: Sequence[int] = [bisect.bisect_left(VALUES, value) for value in values.tolist()]
        else:
            places = np.searchsorted(VALUES, values).tolist()
        with self.lock:
            counts = self.counts.setdefault(output, [0] * (len(VALUES) + 1))
            for place in places:
                counts[place] += 1
            self.sums[output] = self.sums.get(output, 0.0) + float(values.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """The family, cumulated as Prometheus has it."""
        family = HistogramMetricFamily("mlops_prediction_value", "Predicted numbers.", labels=["output"])
        with self.lock:
            for output, counts in self.counts.items():
                totals = np.cumsum(counts).tolist()
                limits = [*map(str, VALUES), "+Inf"]
                family.add_metric([output], list(zip(limits, totals, strict=True)), self.sums[output])
        yield family


class Metrics:
    """All counters of one server. One instance a process: the registry is prometheus_client's own."""

    def __init__(self, *, name: str, digest: str, version: str) -> None:
        info = Gauge("mlops_model_info", "The model that is served; always 1.", ["model", "digest", "version"])
        info.labels(name, digest, version).set(1)
        route = ["protocol", "route", "status"]
        self.requests = Counter("mlops_requests", "Requests by status class.", route)
        self.seconds = Histogram(
            "mlops_request_seconds", "From a request's head to its answer.", route, buckets=SECONDS
        )
        self.in_flight = Gauge("mlops_requests_in_flight", "Requests that are being answered.")
        self.rows = Counter("mlops_input_rows", "Rows that were predicted.")
        self.classes = Counter("mlops_predicted_class", "Predicted classes; from the 51st on `other`.", ["class"])
        self.rejections = Counter("mlops_rejections", "Refused requests by reason.", ["reason"])
        self.log_rows = Counter("mlops_log_rows", "Rows written to the request log.")
        self.log_dropped = Counter("mlops_log_dropped_rows", "Rows that the request log had to leave out.")
        self.predictions = Predictions()
        REGISTRY.register(self.predictions)
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._classes: dict[str, Counter] = {}

    def answered(self, protocol: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (protocol, route, status // 100)
        if key not in self._known:
            labels = (protocol, route, f"{status // 100}xx")
            self._known[key] = self.requests.labels(*labels), self.seconds.labels(*labels)
        counter, histogram = self._known[key]
        counter.inc()
        histogram.observe(seconds)

    def predicted(self, rows: int, outputs: Sequence[Output], *, are_classes: bool) -> None:
        """Count one request's predictions: numbers into the histogram, labels by class."""
        self.rows.inc(rows)
        for output in outputs:
            values = output.values.reshape(-1)
            kind = values.dtype.kind
            if kind == "f" or (kind in "iu" and not are_classes):
                self.predictions.add(output.name, values)
            elif output.values.ndim == 1 and kind in "iubUO":
                self._count_classes(values.tolist())

    def _count_classes(self, values: list[Any]) -> None:
        counts: dict[str, int] = {}
        for value in values:
            if isinstance(value, (str, int, bool)):
                counts[str(value)] = counts.get(str(value), 0) + 1
        for label, count in counts.items():
            if label not in self._classes:
                known = label if len(self._classes) < CLASSES else "other"
                if known == "other":
                    self.classes.labels("other").inc(count)
                    continue
                self._classes[label] = self.classes.labels(label)
            self._classes[label].inc(count)
