"""Parts of the server on their own: what it imports, a slow body, a full queue, a refused null."""

from __future__ import annotations

import ast
import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_ci.serving.code import copy_into
from mlops_ci.serving.receiving import Gone, read_body
from mlops_ci.serving.refusals import Refusal
from mlops_ci.serving.signature import Field, Signature
from mlops_ci.serving.v1 import read_v1
from mlops_ci.serving.v2 import read_v2

ALLOWED = {
    "numpy",
    "pandas",
    "pyarrow",
    "mlflow",
    "kserve",
    "yaml",  # MLflow and KServe need it, both
    "uvicorn",
    "uvloop",
    "orjson",
    "prometheus_client",
    "skops",
}
NUMBER = Field(name="x", family="float", dtype=np.dtype(np.float64), label="x")
SIGNATURE = Signature(kind="columns", inputs=(NUMBER,))


def test_what_is_copied_needs_nothing_that_the_users_environment_lacks(tmp_path: Path) -> None:
    files = sorted(copy_into(tmp_path).rglob("*.py"))
    assert {path.parent.name for path in files} == {"mlops_ci", "digests", "serving"}
    here = {".".join(path.relative_to(tmp_path).with_suffix("").parts) for path in files}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                top = name.partition(".")[0]
                if top == "mlops_ci":
                    assert {name, name.rpartition(".")[0]} & here, (path, name)
                else:
                    assert top in ALLOWED | sys.stdlib_module_names, (path, name)


async def body_of(parts: list[dict[str, Any]], *, limit: int = 10, seconds: float = 60.0, **headers: bytes) -> bytes:
    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Event().wait()
        return parts.pop(0)

    given = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return await read_body(receive, given, limit=limit, seconds=seconds)


def part(content: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_body_in_parts_is_put_together() -> None:
    assert asyncio.run(body_of([part(b"ab", True), part(b"", True), part(b"cd")])) == b"abcd"


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        ([part(b"ab", True)], {}, 408),
        ([part(b"x" * 11)], {}, 413),
        ([part(b"x" * 6, True), part(b"x" * 6, True)], {}, 413),
        ([], {"content_length": b"11"}, 413),
        ([], {"content_length": b"-1"}, 400),
    ],
)
def test_a_body_that_is_late_or_large_is_refused(parts: Any, headers: Any, status: int) -> None:
    with pytest.raises(Refusal) as told:
        asyncio.run(body_of(parts, seconds=0.01, **headers))
    assert told.value.status == status


def test_a_client_that_is_gone_gets_no_answer() -> None:
    with pytest.raises(Gone):
        asyncio.run(body_of([part(b"a", True), {"type": "http.disconnect"}]))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_rows_without_names_may_stop_before_optional_columns_at_the_end(width: int) -> None:
    fields = [replace(NUMBER, name=name, label=name, required=name not in "ac") for name in "abc"]
    signature = Signature(kind="columns", inputs=tuple(fields))
    given = [float(number) for number in range(width)]
    tensor = {"name": "all", "datatype": "FP64", "shape": [2, width], "data": given * 2}
    for read, body in ((read_v1, {"instances": [given, given]}), (read_v2, {"inputs": [tensor]})):
        if width not in (2, 3):
            with pytest.raises(Refusal, match=r"must be a list of [23] values|must have 2 to 3 of them"):
                read(body, signature, refuse_null=False)
            continue
        found = read(body, signature, refuse_null=False).columns
        np.testing.assert_array_equal(np.column_stack(list(found.values())), [[0, 1, 2 if width == 3 else np.nan]] * 2)
        assert list(found) == ["a", "b", "c"]
    with pytest.raises(Refusal, match="'rows', row 1: must be a list of 2 values"):
        read_v1({"instances": [[1, 2], [1, 2, 3]]}, signature, refuse_null=False)


@pytest.mark.parametrize("refuse", [False, True])
def test_nulls_of_floats_are_refused_only_where_asked(refuse: bool) -> None:
    body = {"instances": [{"x": 1}, {"x": None}]}
    if not refuse:
        question = read_v1(body, SIGNATURE, refuse_null=False)
        assert np.isnan(question.columns["x"]).tolist() == [False, True]
        return
    with pytest.raises(Refusal, match="'x', row 1: is null"):
        read_v1(body, SIGNATURE, refuse_null=True)


def test_the_libraries_are_told_before_they_are_imported() -> None:
    from mlops_ci.serving.__main__ import variables
    from mlops_ci.serving.settings import Settings

    usual = variables(Settings(native_threads=3), {"OMP_NUM_THREADS": "8"})
    assert usual["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert (usual["OPENBLAS_NUM_THREADS"], "OMP_NUM_THREADS" in usual) == ("3", False)
    flag = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    found = {
        formats: variables(Settings(formats=formats), {}).get(flag) for formats in (("xgboost",), ("skops",), None)
    }
    assert found == {("xgboost",): "false", ("skops",): None, None: None}


def test_a_model_of_one_column_takes_plain_values() -> None:
    question = read_v1({"instances": [1, 2.5]}, SIGNATURE, refuse_null=False)
    assert (question.rows, question.columns["x"].tolist()) == (2, [1, 2.5])


class Stuck:
    """Stands in for a model that takes its time."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def answer(self, columns: Any, question: Any) -> list[Any]:
        self.begun.set()
        assert self.go.wait(60)
        return []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_full_queue_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["test"])
    from mlops_ci.serving.settings import Settings
    from mlops_ci.serving.worker import Worker

    model: Any = Stuck()

    async def ask() -> list[bytes]:
        worker = Worker(model, Settings(max_waiting=2))

        def submit() -> asyncio.Future[bytes]:
            body = {"instances": [{"x": 1}]}
            read = lambda: read_v1(body, SIGNATURE, refuse_null=False)  # noqa: E731
            return worker.submit(read, lambda question, outputs: b"done", lambda question, outputs: None)

        futures = [submit()]
        await asyncio.to_thread(model.begun.wait, 60)
        futures += [submit(), submit()]
        with pytest.raises(Refusal) as told:
            submit()
        assert told.value.status == 503
        model.go.set()
        found = await asyncio.gather(*futures)
        worker.stop()
        return list(found)

    assert asyncio.run(ask()) == [b"done"] * 3
