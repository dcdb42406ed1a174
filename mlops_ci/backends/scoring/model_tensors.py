"""A table's columns as the tensors of a model's signature; loaded by the scorer script, in the user's environment."""

from __future__ import annotations

from typing import Any


def tensors(frame: Any, schema: Any) -> Any:
    """The frame as what a signature of tensors asks for: arrays by name, or one array. Raises ValueError, TypeError.

    A tensor with a name is a column, its cells numbers or (nested) lists; one without is a column that holds all of it,
    or as many columns of numbers as it is wide.
    """
    if schema.has_input_names():
        specs = {str(spec.name): spec for spec in schema.inputs}
        return {name: tensor(frame[name], specs[name], f"column '{name}'") for name in frame.columns}
    spec = schema.inputs[0]
    if len(frame.columns) == 1:
        return tensor(frame.iloc[:, 0], spec, f"column '{frame.columns[0]}'")
    return tensor(frame, spec, "columns")


def tensor(cells: Any, spec: Any, what: str) -> Any:
    """(n, …) of the signature's type and shape, from a column or a table."""
    import numpy

    values = cells.to_numpy()
    try:
        values = numpy.asarray(nested(values)) if values.dtype == object else values
        if values.dtype != spec.type:
            values = values.astype(spec.type, casting="same_kind" if values.dtype != object else "unsafe")
        if values.ndim != len(spec.shape):  # a cell may hold its tensor in one flat list, as MLflow itself takes it
            values = values.reshape(len(values), *spec.shape[1:])
        if any(size not in (-1, has) for size, has in zip(spec.shape[1:], values.shape[1:])):  # noqa: B905 - Python 3.8
            raise ValueError(f"it is of shape {list(values.shape)}")
        return values
    except (ValueError, TypeError) as error:
        wanted = f"a tensor of {spec.type} and shape {list(spec.shape)}"
        raise ValueError(f"the {what} can't be {wanted}, as the model's signature asks: {error}") from None


def nested(value: Any) -> Any:
    """Arrays within arrays, as a table holds them, as lists within lists."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [nested(item) for item in value] if isinstance(value, list) else value
