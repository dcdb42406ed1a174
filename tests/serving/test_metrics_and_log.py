"""What `/metrics` counts, and the Parquet windows of the request log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.servers import Running

YES = {"age": 30.5, "visits": 8, "country": "de"}
NO = {"age": 60, "visits": 0, "country": "fr"}


@pytest.mark.slow
def test_requests_are_counted_by_protocol_route_and_status(clicks: Running) -> None:
    def counts() -> list[float]:
        lines = [f'mlops_requests_total{{protocol="v1",route="predict",status="{kind}"}}' for kind in ("2xx", "4xx")]
        lines += ['mlops_request_seconds_count{protocol="v1",route="predict",status="2xx"}', "mlops_input_rows_total"]
        lines += [f'mlops_predicted_class_total{{class="{label}"}}' for label in ("yes", "no")]
        lines += ['mlops_rejections_total{reason="type"}', 'mlops_rejections_total{reason="missing"}']
        return [clicks.metric(line) for line in lines]

    before = counts()
    clicks.v1({"instances": [YES, NO, NO]})
    clicks.v1({"instances": [{**YES, "age": "x"}]})
    clicks.v1({"instances": [{"age": 1}]})
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 2, 1, 3, 1, 2, 1, 1]


@pytest.mark.slow
def test_the_model_is_named_by_digest(clicks: Running) -> None:
    assert clicks.metric(f'mlops_model_info{{digest="{clicks.digest}",model="clicks",version="7"}}') == 1
    assert clicks.metric("mlops_requests_in_flight") == 1  # this very request
    text = clicks.ask("GET", "/metrics", headers={"accept": "application/openmetrics-text"})
    assert text.headers["content-type"].startswith("application/openmetrics-text")
    assert b"request_predict_seconds" in text.body  # KServe's own are there too


def windows(server: Running) -> Iterator[Path]:
    yield from sorted((server.ready.parent.parent / "windows").glob("*.parquet"))


@pytest.mark.slow
def test_windows_hold_requests_and_predictions_without_what_is_redacted(clicks: Running) -> None:
    from pyarrow import parquet

    written = clicks.metric("mlops_log_rows_total")
    clicks.ask("POST", "/v1/models/clicks:predict", {"instances": [YES, NO]}, headers("r-1"))
    clicks.v2({"id": "r-2", "inputs": [tensor("age", "FP64", [30.5] * 40), tensor("visits", "INT64", [8] * 40), TEXTS]})
    clicks.wait(lambda: clicks.metric("mlops_log_rows_total") >= written + 42)
    tables = [parquet.read_table(path) for path in windows(clicks)]
    rows = [row for table in tables for row in table.to_pylist() if row["mlops_request_id"] in ("r-1", "r-2")]
    assert len(rows) == 42
    first = {name: value for name, value in rows[0].items() if name != "mlops_time"}
    assert first == {
        "mlops_request_id": "r-1",
        "mlops_model_digest": clicks.digest,
        "visits": 8,
        "country": "de",
        "mlops_prediction": "yes",
    }
    assert rows[0]["mlops_time"].utcoffset().total_seconds() == 0
    assert tables[0].schema.metadata[b"mlops_ci.model_digest"].decode() == clicks.digest
    for path, table in zip(windows(clicks), tables, strict=True):
        assert path.name.startswith(table.column("mlops_time")[0].as_py().strftime("%Y%m%dT000000Z-"))
    assert clicks.metric("mlops_log_dropped_rows_total") == 0


def headers(request: str) -> dict[str, str]:
    return {"content-type": "application/json", "x-request-id": request}


def tensor(name: str, datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


TEXTS = tensor("country", "BYTES", ["de"] * 40)


class Meters:
    """Stands in for the registry's counters, of which a process has one set only."""

    def __init__(self) -> None:
        self.log_rows, self.log_dropped = Meter(), Meter()


class Meter:
    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int) -> None:
        self.value += amount


def question(rows: int, **columns: Any) -> Any:
    import numpy as np

    from mlops_ci.serving.question import Question

    return Question(columns={"x": np.arange(float(rows)), **columns}, rows=rows)


def output(rows: int) -> list[Any]:
    import numpy as np

    from mlops_ci.serving.answers import Output

    return [Output(name="predictions", values=np.zeros(rows))]


def test_a_window_that_can_not_be_written_is_counted_and_nothing_else(tmp_path: Path) -> None:
    from mlops_ci.serving.settings import Log
    from mlops_ci.serving.windows import Windows

    (tmp_path / "file").write_text("")
    meters: Any = Meters()
    log = Windows(Log(folder=tmp_path / "file" / "below"), digest="d" * 64, metrics=meters)
    log.offer("a", question(3), output(3))
    log.close()
    assert (meters.log_rows.value, meters.log_dropped.value) == (0, 3)


def test_a_writer_that_is_behind_drops_and_counts(tmp_path: Path) -> None:
    from mlops_ci.serving.settings import Log
    from mlops_ci.serving.windows import WAITING, Windows

    meters: Any = Meters()
    log = Windows(Log(folder=tmp_path), digest="d" * 64, metrics=meters)
    log.rows_waiting = WAITING
    log.offer("a", question(3), output(3))
    assert meters.log_dropped.value == 3
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("sample", "rows"), [(0.0, 0), (1.0, 5)])
def test_only_the_sample_is_written(tmp_path: Path, sample: float, rows: int) -> None:
    from pyarrow import parquet

    from mlops_ci.serving.settings import Log
    from mlops_ci.serving.windows import Windows

    meters: Any = Meters()
    log = Windows(Log(folder=tmp_path, sample=sample), digest="d" * 64, metrics=meters)
    log.offer("a", question(5), output(5))
    log.close()
    assert sum(parquet.read_metadata(path).num_rows for path in tmp_path.iterdir()) == rows == meters.log_rows.value


def test_requests_of_one_window_may_differ_in_their_columns(tmp_path: Path) -> None:
    import numpy as np
    from pyarrow import parquet

    from mlops_ci.serving.settings import Log
    from mlops_ci.serving.windows import Windows

    log = Windows(Log(folder=tmp_path), digest="d" * 64, metrics=Meters())  # type: ignore[arg-type]
    log.offer("a", question(1), output(1))
    log.offer("b", question(1, more=np.array([[1.0, 2.0]])), output(1))
    log.close()
    (path,) = tmp_path.iterdir()
    found = parquet.read_table(path)
    assert found.column("more").to_pylist() == [None, [1.0, 2.0]]
    assert found.column("mlops_request_id").to_pylist() == ["a", "b"]


def test_predicted_numbers_fill_a_histogram() -> None:
    import numpy as np

    from mlops_ci.serving.metrics import Predictions

    few, many = Predictions(), Predictions()
    values = np.array([0.05, 0.15, 0.15, 5.0, 1e9, np.nan, np.inf])
    few.add("score", values)
    many.add("score", np.tile(values, 100))
    found = {}
    for name, collector in (("few", few), ("many", many)):
        (family,) = collector.collect()
        found[name] = {(s.name, json.dumps(s.labels)): s.value for s in family.samples}
    key = ("mlops_prediction_value_bucket", '{"output": "score", "le": "0.2"}')
    assert (found["few"][key], found["many"][key]) == (3, 300)
    assert found["few"][("mlops_prediction_value_count", '{"output": "score"}')] == 5
    assert found["many"] == pytest.approx({name: value * 100 for name, value in found["few"].items()})
