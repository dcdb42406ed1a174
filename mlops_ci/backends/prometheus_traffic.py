"""Counts of requests from Prometheus: raw samples, added up here.

PromQL's `increase` extrapolates, and does not see what a counter held when it was first scraped: the first errors of a
new server. Exact tests need whole counts. So the samples themselves are asked for, and a counter that began in the
window began at zero.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from mlops_ci.errors import BackendError
from mlops_ci.io import http
from mlops_ci.records.canary import Bucket, Traffic

BEFORE = 300  # seconds in which a server's last sample before the window is looked for: Prometheus' own staleness
OURS = frozenset({"__name__", "protocol", "route", "status", "le", "model", "digest", "version"})
Labels = Mapping[str, str]
Key = TypeVar("Key", str, float)
Target = frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One time series: times in Unix seconds, and values."""

    labels: Labels
    samples: Sequence[tuple[float, float]]

    @property
    def target(self) -> Target:
        """What Prometheus calls the server that it came from."""
        return frozenset((name, value) for name, value in self.labels.items() if name not in OURS)


@dataclass(frozen=True, kw_only=True)
class PrometheusTraffic:
    """The TrafficMeter of the model server's own metrics. Servers are found by model and digest, in `mlops_model_info`;
    where Prometheus knows their namespace, they must be in `namespace`, unless that is ''."""

    url: str
    namespace: str = ""

    def traffic(self, model: str, digest: str, *, since: datetime, until: datetime) -> Traffic:
        """See the port."""
        begin, end = since.timestamp(), until.timestamp()
        where = {"model": model, "digest": digest}
        servers = {series.target: series.samples[0][0] for series in self._ask("mlops_model_info", where, begin, end)}
        if not servers:
            return Traffic()
        names = sorted({dict(target).get("instance", "") for target in servers})
        found = self._predictions("mlops_requests_total", names, begin, end)
        timed = self._predictions("mlops_request_seconds_bucket", names, begin, end)
        started = self._started(names, begin, end)

        def grown(series: Series) -> float:
            from_zero = started.get(series.target, 0.0) >= begin or servers[series.target] < series.samples[0][0]
            return growth(series.samples, begin, from_zero=from_zero)

        statuses = _summed((series.labels["status"], grown(series)) for series in found if series.target in servers)
        answered = [series for series in timed if series.target in servers and series.labels["status"] == "2xx"]
        limits = _summed((float(series.labels["le"]), grown(series)) for series in answered)
        buckets = (Bucket(seconds=limit, answers=count) for limit, count in limits.items() if math.isfinite(limit))
        return Traffic(
            requests=sum(statuses.values()),
            errors=statuses.get("5xx", 0),
            refused=statuses.get("4xx", 0),
            buckets=tuple(sorted(buckets, key=lambda bucket: bucket.seconds)),
        )

    def _predictions(self, name: str, instances: Sequence[str], begin: float, end: float) -> list[Series]:
        return self._ask(name, {"route": "predict"}, begin, end, instances)

    def _started(self, instances: Sequence[str], begin: float, end: float) -> dict[Target, float]:
        """When each server's process began; several processes at one address: the last."""
        series = self._ask("process_start_time_seconds", {}, begin, end, instances)
        return {one.target: one.samples[-1][1] for one in series}

    def _ask(self, name: str, where: Labels, begin: float, end: float, instances: Sequence[str] = ()) -> list[Series]:
        """The samples of a metric from a little before `begin` up to `end`. Raises BackendError."""
        matchers = [f"{label}={_quoted(value)}" for label, value in where.items()]
        if instances:
            matchers.append(f"instance=~{_quoted('|'.join(re.escape(one) for one in instances))}")
        if self.namespace:
            matchers.append(f"namespace=~{_quoted('|' + re.escape(self.namespace))}")
        span = math.ceil(end - begin) + BEFORE
        words = {"query": f"{name}{{{','.join(matchers)}}}[{span}s]", "time": f"{end:.3f}"}
        answer = http.call("GET", f"{self.url.rstrip('/')}/api/v1/query?{urlencode(words)}")
        return _series(answer, self.url)


def growth(samples: Sequence[tuple[float, float]], begin: float, *, from_zero: bool) -> float:
    """How much a counter grew since `begin`. A smaller value than the one before is a restart, which begins at zero.

    The value before is the last one up to `begin`; where there is none, zero if `from_zero`, else the first one seen.
    """
    earlier = [value for time, value in samples if time <= begin]
    later = [value for time, value in samples if time > begin]
    if not later:
        return 0.0
    before = earlier[-1] if earlier else (0.0 if from_zero else later[0])
    grown = 0.0
    for value in later:
        grown += value - before if value >= before else value
        before = value
    return grown


def _summed(found: Iterable[tuple[Key, float]]) -> dict[Key, int]:
    """Growths by key. NaN, which is no count, is left out."""
    totals: dict[Key, float] = {}
    for key, grown in found:
        if math.isfinite(grown):
            totals[key] = totals.get(key, 0.0) + grown
    return {key: round(value) for key, value in totals.items()}


def _series(answer: http.Answer, url: str) -> list[Series]:
    """What an answer holds. Raises BackendError for anything that is not Prometheus' word of success."""
    try:
        document = json.loads(answer.body)
        if document["status"] != "success":
            raise BackendError(f"Prometheus at {url} refused the query: {_reason(document)}", docs="canary.md")
        return [
            Series(labels=one["metric"], samples=[(float(time), float(value)) for time, value in one["values"]])
            for one in document["data"]["result"]
        ]
    except (ValueError, KeyError, TypeError):
        raise BackendError(
            f"what answers at {url} is not Prometheus (status {answer.status})",
            hint="'prometheus' of the environment is its URL, without /api/v1",
            docs="canary.md",
        ) from None


def _reason(document: Any) -> str:
    return str(document.get("error", "no reason given"))[:200]


def _quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text)
