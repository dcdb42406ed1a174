"""Great Expectations, with guards where it would pass without looking: unknown types, empty suites, empty frames."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.backends.data.file_source import FileSource
from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.backends.gx.suite import Suite, read_suite, severity_of
from mlops_ci.errors import BackendError, ConfigError, DataError, MissingExtra
from mlops_ci.ports.data import DataSource
from mlops_ci.ports.say import Say
from mlops_ci.records.results import Status
from mlops_ci.records.validation import ExpectationResult

EXAMPLES = 5
INDEX = "mlops_ci_index"
CELLS = 8


class GreatExpectations:
    """Keeps the Validator port."""

    def validate(
        self, source: DataSource, suite: Path, *, name: str = "", redact: Sequence[str], say: Say
    ) -> tuple[ExpectationResult, ...]:
        """Every expectation of the suite, in its order, located by `file:line`."""
        gx = _load()
        read = read_suite(suite, _known_types(), name=name)
        batch = _batch(gx, source)
        say(f"{source.name}: checking {len(read.expectations)} expectations")
        try:
            expectations = _build(gx, read)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = batch.validate(
                    expectations, result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
                )
        finally:
            _close(batch)
        by_index = {item["expectation_config"]["meta"][INDEX]: item for item in map(_plain, found.results)}
        results = [_result(read, index, by_index.get(index), redact) for index in range(len(read.expectations))]
        if not isinstance(source, FileSource):
            return tuple(results)
        return tuple(replace(item, examples=_whole_rows(item.examples, source, redact)) for item in results)


def _load() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import great_expectations as gx
    except ModuleNotFoundError:
        raise MissingExtra("validate", "Great Expectations") from None
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return gx


def _known_types() -> tuple[str, ...]:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    return tuple(list_registered_expectation_implementations())


def _batch(gx: Any, source: DataSource) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    if isinstance(source, FileSource):
        frame = source.frame()
        if frame.empty:
            raise DataError(f"{source.name} has no rows", hint="expectations on no rows all pass, and mean nothing")
        asset = context.data_sources.add_pandas("data").add_dataframe_asset("data")
        return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    assert isinstance(source, SqlSource)
    return _sql_batch(context, source)


def _sql_batch(context: Any, source: SqlSource) -> Any:
    if source.profile(redact=()).rows == 0:
        raise DataError(f"{source.name} has no rows", hint="expectations on no rows all pass, and mean nothing")
    sources = context.data_sources
    add = sources.add_sqlite if source.address.startswith("sqlite") else sources.add_sql
    try:
        opened = add("data", connection_string=source.address)
        if source.query:
            return (
                opened.add_query_asset("data", query=source.query).add_batch_definition_whole_table("all").get_batch()
            )
        return (
            opened.add_table_asset("data", table_name=source.table).add_batch_definition_whole_table("all").get_batch()
        )
    except Exception as error:
        raise BackendError(f"{source.name} is not readable: {type(error).__name__}") from None


def _close(batch: Any) -> None:
    """Great Expectations keeps the database's connections open; two engines of one source hold some."""
    if hasattr(batch.datasource, "get_engine"):
        batch.datasource.get_execution_engine().close()
        batch.datasource.get_execution_engine().engine.dispose()
        batch.datasource.get_engine().dispose()


def _build(gx: Any, suite: Suite) -> Any:
    """GX's suite; each expectation carries its position, since GX regroups results. What GX cannot build it raises for
    without a place, or drops in silence: both are told with the line."""
    entries = [
        {**entry, "kwargs": entry.get("kwargs", {}), "meta": {**(entry.get("meta") or {}), INDEX: index}}
        for index, entry in enumerate(suite.expectations)
    ]
    if (built := _try_build(gx, suite.name, entries)) is not None:
        return built
    for index, entry in enumerate(entries):
        if _try_build(gx, suite.name, [entry]) is None:
            raise ConfigError(
                f"'{entry['type']}' does not take these arguments: {', '.join(entry['kwargs']) or 'none'}",
                where=f"{suite.file}:{suite.lines[index]}",
                hint="see the expectation's page for its arguments",
                docs="validation.md#suites",
            )
    raise ConfigError("the suite can't be built", where=suite.file, docs="validation.md#suites")


def _try_build(gx: Any, name: str, entries: list[dict[str, Any]]) -> Any:
    """The suite with all entries, or None."""
    try:
        built = gx.ExpectationSuite(name=name, expectations=entries)
    except Exception:  # pydantic's, GX's own, and TypeErrors, by version
        return None
    return built if len(built.expectations) == len(entries) else None


def _plain(item: Any) -> dict[str, Any]:
    converted: dict[str, Any] = item.to_json_dict()
    return converted


def _result(suite: Suite, index: int, found: Mapping[str, Any] | None, redact: Sequence[str]) -> ExpectationResult:
    entry = suite.expectations[index]
    kwargs = entry.get("kwargs", {})
    columns = columns_of(kwargs)
    hidden = any(name in redact for name in columns)
    result = (found or {}).get("result") or {}
    error = _error_of(found, hidden=hidden)
    passed = bool(found and found["success"]) and not error
    return ExpectationResult(
        expectation=entry["type"],
        sentence=sentence(entry["type"], kwargs, hidden=hidden),
        column=", ".join(columns),
        status=Status.ERROR if error else Status.PASSED if passed else Status.FAILED,
        severity=severity_of(entry),
        observed="" if hidden or "observed_value" not in result else str(result["observed_value"])[:200],
        unexpected=_whole(result.get("unexpected_count")),
        total=_whole(result.get("element_count")),
        share=None if result.get("unexpected_percent") is None else float(result["unexpected_percent"]) / 100,
        examples=() if passed or hidden else _examples(columns, result),
        error=error,
        where=f"{suite.file}:{suite.lines[index]}",
    )


def _error_of(found: Mapping[str, Any] | None, *, hidden: bool) -> str:
    """Why an expectation could not be checked; '' where it was. GX keys exceptions by metric, or not at all."""
    if found is None:
        return "Great Expectations gave no result for it"
    info = found.get("exception_info") or {}
    infos = [info] if "raised_exception" in info else [item for item in info.values() if isinstance(item, dict)]
    messages = [str(item.get("exception_message")) for item in infos if item.get("raised_exception")]
    if messages:
        return "it raised an error (its text may hold redacted values)" if hidden else messages[0].splitlines()[0][:200]
    return ""


def columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Every column an expectation looks at."""
    named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return tuple(map(str, [*named, *(kwargs.get("column_list") or kwargs.get("column_set") or [])]))


def sentence(kind: str, kwargs: Mapping[str, Any], *, hidden: bool) -> str:
    """The expectation in words: `dep_delay: values to be between (min_value -60, max_value 1500)`."""
    words = kind.removeprefix("expect_").replace("_", " ")
    for start in ("column values ", "column pair values ", "column ", "table "):
        if words.startswith(start):
            words = words.removeprefix(start) if start != "column values " else f"values {words.removeprefix(start)}"
            break
    columns = columns_of(kwargs)
    rest = {
        key: value
        for key, value in kwargs.items()
        if key not in ("column", "column_A", "column_B", "column_list", "batch_id") and value is not None
    }
    details = "…" if hidden and rest else ", ".join(f"{key} {_short(value)}" for key, value in rest.items())
    return f"{', '.join(columns) or 'table'}: {words}" + (f" ({details})" if details else "")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _examples(columns: Sequence[str], result: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """Up to five rows that do not fit, by position and value."""
    values = list(result.get("partial_unexpected_list") or [])[:EXAMPLES]
    rows = list(result.get("partial_unexpected_index_list") or [])[:EXAMPLES]
    found = []
    for position, value in enumerate(values):
        cells = value if isinstance(value, dict) else {(columns or ["value"])[0]: value}
        if isinstance(value, list | tuple) and len(value) == len(columns):
            cells = dict(zip(columns, value, strict=True))
        row = {"(row)": str(rows[position])} if position < len(rows) else {}
        found.append({**row, **{str(key): _cell(cell) for key, cell in cells.items()}})
    return tuple(found)


def _whole_rows(
    examples: Sequence[Mapping[str, str]], source: FileSource, redact: Sequence[str]
) -> tuple[Mapping[str, str], ...]:
    """Examples with what else is in their rows, up to CELLS cells in all. A row is believed where its position is one,
    and holds what the expectation saw: a frame's own index may count otherwise."""
    found = []
    for example in examples:
        position = example.get("(row)", "")
        row = source.row(int(position)) if position.isdecimal() else {}
        seen = {name: value for name, value in example.items() if name != "(row)"}
        same = all(name in row and _cell(row[name]) == value for name, value in seen.items())
        rest = {name: _cell(value) for name, value in row.items() if name not in (*redact, *seen)} if same else {}
        found.append({**example, **dict(list(rest.items())[: max(0, CELLS - len(seen))])})
    return tuple(found)


def _cell(value: Any) -> str:
    return str(value)[:80]


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
