"""A model's answer as named arrays, and these as V1's and V2's JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson

from mlops_ci.serving.question import Question
from mlops_ci.serving.refusals import malformed
from mlops_ci.serving.signature import Field, datatype
from mlops_ci.serving.values import Array

ONLY = "predictions"  # the name of an output that has none


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output: one row along the first axis for each row of the input."""

    name: str
    values: Array
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, start: int, end: int) -> Output:
        """The rows of one request, out of those of a batch."""
        return replace(self, values=self.values[start:end])


def outputs_of(found: Any, declared: Sequence[Field]) -> list[Output]:
    """What `predict` gave, as outputs. Tables and dictionaries give one a column, anything else gives one.

    Names and types are the signature's where it has them and they fit. Raises TypeError for what has no rows.
    """
    if hasattr(found, "columns") and hasattr(found, "iloc"):
        named = {str(name): found[name].to_numpy() for name in found.columns}
    elif isinstance(found, Mapping):
        named = {str(name): _array(values) for name, values in found.items()}
    else:
        named = {ONLY: _array(found)}
    if len(declared) == len(named) == 1 and isinstance(declared[0].label, str):
        named = {declared[0].name: next(iter(named.values()))}
    types = {known.name: known.dtype for known in declared} if len(declared) == len(named) else {}
    if len(declared) == len(named) == 1:
        types = dict.fromkeys(named, declared[0].dtype)
    return [Output(name=name, values=_cast(values, types.get(name))) for name, values in named.items()]


def _array(values: Any) -> Array:
    if hasattr(values, "toarray"):  # sparse
        values = values.toarray()
    if isinstance(values, (list, tuple)):
        simple = set(map(type, values)) <= {bool, int, float}
        if not simple:
            array = np.empty(len(values), dtype=object)
            array[:] = values
            return array
    return np.atleast_1d(np.asarray(values))


def _cast(values: Array, declared: np.dtype[Any] | None) -> Array:
    if declared is None or declared.kind not in "iufb" or not np.can_cast(values.dtype, declared, casting="safe"):
        return values
    return values.astype(declared, copy=False)


def chosen(outputs: list[Output], question: Question) -> list[Output]:
    """The outputs that were asked for. Raises Refusal for one that there is not."""
    if question.outputs is None:
        return outputs
    by_name = {output.name: output for output in outputs}
    if not set(question.outputs) <= set(by_name):
        raise malformed(f"an output that was asked for is not there; there are: {', '.join(by_name)}")
    return [by_name[name] for name in question.outputs]


def v1(outputs: list[Output], *, probabilities: bool) -> bytes:
    """`{"predictions": […]}`, with `probabilities` and `classes` where they were asked for."""
    document: dict[str, Any] = {}
    if probabilities:
        document = {"probabilities": outputs[-1].values, **outputs[-1].parameters}
        outputs = outputs[:-1]
    if len(outputs) == 1:
        predictions: Any = _plain(outputs[0].values)
    else:
        names = [output.name for output in outputs]
        columns = [output.values.tolist() for output in outputs]
        predictions = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return dump({"predictions": predictions, **document})


def v2(outputs: list[Output], *, name: str, version: str, id: str | None) -> bytes:
    """`{"model_name", "model_version", "id", "outputs": [{"name", "shape", "datatype", "data"}]}`."""
    document: dict[str, Any] = {"model_name": name, "model_version": version}
    if id is not None:
        document["id"] = id
    document["outputs"] = [_tensor(output) for output in outputs]
    return dump(document)


def _tensor(output: Output) -> dict[str, Any]:
    values = output.values
    tensor: dict[str, Any] = {"name": output.name, "shape": list(values.shape), "datatype": datatype(values.dtype)}
    if output.parameters:
        tensor["parameters"] = output.parameters
    flat = values.reshape(-1)
    if values.dtype.kind == "O":
        tensor["data"] = [
            dump(value).decode() if isinstance(value, (dict, list, tuple, np.ndarray)) else value for value in flat
        ]
    else:
        tensor["data"] = _plain(flat)
    return tensor


def _plain(values: Array) -> Any:
    """An array as the JSON writer takes it: numbers and times in one block, all else as a list."""
    if values.dtype.kind in "iufbM" and values.dtype.isnative:
        return np.ascontiguousarray(values)
    return values.tolist()


def dump(document: Any) -> bytes:
    """JSON; NaN and infinity become null. Raises TypeError for what JSON can't hold."""
    return orjson.dumps(document, default=_other, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _other(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(type(value).__name__)
