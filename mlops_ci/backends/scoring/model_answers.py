"""A model's answers as labels, numbers or probabilities; loaded by the scorer script, in the user's environment."""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Sequence
from typing import Any

KNOWN_FLAVORS = ("sklearn", "xgboost", "lightgbm", "catboost")


class Refused(Exception):
    """The job can't be done, and the message says why."""


class Unfit(Refused):
    """The rows are not those that the model takes. `row` counts from 0 within what was looked at, where it is known."""

    def __init__(self, message: str, row: Any = None) -> None:
        super().__init__(message)
        self.row = row


def checked(piece: Any, rows: int) -> Any:
    """What a model gave for `rows` rows. Raises Refused for any other number of answers."""
    for part in piece if isinstance(piece, tuple) else (piece,):
        given = len(part) if hasattr(part, "__len__") else 0
        if given != rows:
            raise Refused(f"the model gave {given:,} predictions for {rows:,} rows")
    return piece


def load(job: Any) -> Any:
    """The model. A classifier that scikit-learn would know is asked for labels and for probabilities."""
    import logging

    from mlflow import pyfunc

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    model = pyfunc.load_model(job["model_directory"])
    schema = model.metadata.get_input_schema()
    raw = raw_model(model) if any(flavor in model.metadata.flavors for flavor in KNOWN_FLAVORS) else None
    fitted = [str(name) for name in getattr(raw, "feature_names_in_", [])]
    if job["task"] == "classification" and hasattr(raw, "predict_proba") and hasattr(raw, "classes_"):
        return Classifier(raw, schema, fitted, served=model)
    return Pyfunc(model, schema, fitted, served=model)


def raw_model(model: Any) -> Any:
    """What the flavor itself loaded, or None; older MLflow has only the attribute."""
    try:
        return model.get_raw_model()
    except (AttributeError, NotImplementedError):
        inner = getattr(model, "_model_impl", None)
        return getattr(inner, "sklearn_model", inner)


class Pyfunc:
    """A model that answers with labels, numbers or probabilities, in any of the shapes that MLflow allows."""

    def __init__(self, model: Any, schema: Any, fitted: list[str], *, served: Any = None) -> None:
        self.model = model
        self.served = model if served is None else served
        self.schema = schema
        self.fitted = fitted
        self.names: list[str] = []

    def columns(self, names: list[str], job: Any) -> list[str]:
        """The columns to give: those of the signature or of the fit, else all but label and group."""
        label = job["label"]
        if self.schema is not None and self.schema.has_input_names():
            required = {str(name) for name in self.schema.required_input_names()}
            asked = [str(name) for name in self.schema.input_names()]
        elif self.fitted:
            asked, required = self.fitted, set(self.fitted)
        else:
            return [name for name in names if name not in (label, job["group"])]
        if label in asked:
            raise Refused(f"the model asks for the label '{label}' as an input: it would be told the answer")
        missing = [name for name in asked if name in required and name not in names]
        if missing:
            raise Refused(f"the model needs the column '{missing[0]}', which the holdout lacks")
        return [name for name in asked if name in names]

    def shaped(self, frame: Any) -> Any:
        """The columns in the types that the signature asks for; its tensors by name, or the one without. An optional
        column that is not there is null, as in the model server."""
        import pandas

        if self.schema is not None and self.schema.is_tensor_spec():
            try:
                return sys.modules["mlops_ci_model_tensors"].tensors(frame, self.schema)
            except (ValueError, TypeError) as error:
                raise Refused(str(error)) from None
        if self.schema is None or not self.schema.has_input_names():
            return frame
        columns = {}
        for spec in self.schema.inputs:
            name, kind = str(spec.name), getattr(spec.type, "name", "")
            if name in frame.columns:
                columns[name] = typed(frame[name], name, kind)
            elif kind not in ("integer", "long"):  # of these MLflow takes no null
                columns[name] = nothing(frame.index, kind)
        return pandas.DataFrame(columns, index=frame.index, copy=False)

    def predict(self, frame: Any) -> Any:
        """The answers for one batch, as an array; a table's column names are kept aside."""
        import numpy

        found = self.model.predict(self.shaped(frame))
        self.names = [str(name) for name in getattr(found, "columns", [])]
        return numpy.asarray(found)

    def alone(self, frame: Any) -> Any:
        """What MLflow's own face of the model answers, as its server will: a classifier may be saved to give shares."""
        return self.served.predict(self.shaped(frame))

    def request(self, frame: Any) -> Any:
        """The frame as a request to the model server, in the signature's types, which the server insists on."""
        frame = self.shaped(frame)
        if isinstance(frame, dict):
            return {"inputs": {name: plain(values) for name, values in frame.items()}}
        if not hasattr(frame, "columns"):
            return {"instances": plain(frame)}
        columns = [plain(frame[name]) for name in frame.columns]
        rows = [list(row) for row in zip(*columns)]  # noqa: B905 - Python 3.8 has no strict
        return {"dataframe_split": {"columns": [str(name) for name in frame.columns], "data": rows}}

    def interpret(self, pieces: list[Any], job: Any) -> tuple[Any, list[str], Any]:
        """(predictions, classes, probabilities or None) of all batches."""
        import numpy

        values = numpy.concatenate(pieces)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if job["task"] == "regression":
            return numbers(values), [], None
        if values.ndim == 2:
            classes = classes_of(self.names, values.shape[1], job["classes"])
            return most_probable(probabilities_of(values), classes)
        if values.ndim != 1:
            raise Refused(f"the model gave answers of shape {values.shape}; labels or probabilities are needed")
        if values.dtype.kind != "f" or are_labels(values, job["classes"]):
            return labels_of(values), [], None
        if len(job["classes"]) != 2:
            raise Refused("the model gave one probability a row, and the label has more than two classes")
        positive = probabilities_of(values[:, None])[:, 0]
        negative = next(name for name in job["classes"] if name != job["positive"])
        return most_probable(numpy.column_stack([1.0 - positive, positive]), [negative, job["positive"]])


class Classifier(Pyfunc):
    """A model with `predict`, `predict_proba` and `classes_`. Its own labels count: its threshold may not be 0.5."""

    def shaped(self, frame: Any) -> Any:
        """What scikit-learn takes: of tensors by name, each is a column of its one array."""
        named = self.schema is not None and self.schema.is_tensor_spec() and self.schema.has_input_names()
        return frame.to_numpy() if named else super().shaped(frame)

    def request(self, frame: Any) -> Any:
        """None where tensors have names: the server gives them by name, and scikit-learn takes none so."""
        named = self.schema is not None and self.schema.is_tensor_spec() and self.schema.has_input_names()
        return None if named else super().request(frame)

    def predict(self, frame: Any) -> Any:
        shaped = self.shaped(frame)
        return self.model.predict(shaped), self.model.predict_proba(shaped)

    def interpret(self, pieces: list[Any], job: Any) -> tuple[Any, list[str], Any]:
        import numpy

        labels = labels_of(numpy.concatenate([piece[0] for piece in pieces]))
        probabilities = probabilities_of(numpy.concatenate([piece[1] for piece in pieces]))
        return labels, list(labels_of(numpy.asarray(self.model.classes_))), probabilities


def typed(column: Any, name: str, kind: str) -> Any:
    """A column as the signature's type. Raises Refused, naming the column, where it is something else."""
    import numpy
    import pandas
    from pandas.api import types

    is_number = types.is_numeric_dtype(column.dtype)
    try:
        if kind in ("double", "float"):
            return pandas.to_numeric(column).astype("float32" if kind == "float" else "float64")
        if kind in ("long", "integer") and types.is_float_dtype(column.dtype):
            if not numpy.all(numpy.mod(column.to_numpy(), 1) == 0):
                raise ValueError("fractions or missing values")
            return column.astype("int64" if kind == "long" else "int32")
        if kind in ("long", "integer") and not is_number:
            raise ValueError("text")
        if kind == "datetime":
            return pandas.to_datetime(column)
    except (ValueError, TypeError) as error:
        raise Refused(f"the column '{name}' is not {kind}, as the model's signature asks: {error}") from None
    if kind in ("string", "binary") and is_number and not column.isna().all():
        raise Refused(f"the column '{name}' holds numbers, and the model's signature asks for {kind}")
    return column


def nothing(index: Any, kind: str) -> Any:
    """A column of missing values."""
    import pandas

    kinds = {"double": "float64", "float": "float32", "datetime": "datetime64[ns]"}
    return pandas.Series([None] * len(index), index=index, dtype=kinds.get(kind, "object"))


def classes_of(names: list[str], count: int, known: list[str]) -> list[str]:
    """Which class each column of probabilities is about: by its name, else by the order of the classes."""
    if set(known) <= set(names):
        return names
    if len(known) == count and (not names or names == [str(place) for place in range(count)]):
        return known
    numbered = [str(place) for place in range(count)]
    if set(known) <= set(numbered) and (not names or names == numbered):
        return numbered
    given = f"columns {', '.join(names[:8])}" if names else f"{count} columns"
    raise Refused(
        f"the model gave {given}, and the classes are {', '.join(known[:8])}: name the columns after the classes"
    )


def are_labels(values: Any, known: Sequence[str]) -> bool:
    """Whether floating-point answers are classes such as 0.0 and 1.0."""
    import numpy

    unique = numpy.unique(values[numpy.isfinite(values)])
    return 0 < len(unique) <= len(known) and set(labels_of(unique)) <= set(known)


def probabilities_of(values: Any) -> Any:
    """(n, k) float64. Raises Refused for what is no share; NaN is found by whoever reads the predictions."""
    import numpy

    try:
        values = values.astype("float64")
    except (ValueError, TypeError):
        raise Refused("the model gave a table that is not of numbers; probabilities are needed") from None
    known = values[numpy.isfinite(values).all(axis=1)]
    if len(known) and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise Refused(f"the model gave {known.min():.4g} … {known.max():.4g}, which are no probabilities")
    if known.shape[1] > 1 and len(known) and abs(known.sum(axis=1) - 1).max() > 1e-3:
        raise Refused("the model's probabilities of a row do not add up to one")
    return numpy.clip(values, 0.0, 1.0)


def most_probable(probabilities: Any, classes: list[str]) -> tuple[Any, list[str], Any]:
    """The most probable class of each row; of two alike the first one, as scikit-learn has it."""
    import numpy

    return numpy.array(classes, dtype=object)[numpy.argmax(probabilities, axis=1)], classes, probabilities


def labels_of(values: Any) -> Any:
    """Predicted classes as text. Raises Refused where a row has none."""
    import numpy
    import pyarrow

    rows = sys.modules["mlops_ci_row_hash"]
    if values.ndim != 1:
        raise Refused(f"the model gave labels of shape {values.shape}; one a row is needed")
    try:
        codes, names = rows.spelled(pyarrow.array(values.tolist() if values.dtype.kind == "O" else values))
    except pyarrow.ArrowException:
        return numpy.array([rows.spell(value) for value in values], dtype=object)
    if (codes < 0).any():
        raise Refused(f"the model gave no class for {int((codes < 0).sum()):,} of {len(codes):,} rows")
    return numpy.array(names, dtype=object)[codes]


def numbers(values: Any) -> Any:
    """Predictions of a regression."""
    if values.ndim != 1:
        raise Refused(f"the model gave answers of shape {values.shape}; a regression needs one number a row")
    try:
        return values.astype("float64")
    except (ValueError, TypeError):
        raise Refused(f"the model gave '{values[0]}'; a regression needs numbers") from None


def plain(value: Any) -> Any:
    """A model's answer, or a cell, as JSON has it: rows of tables as objects, times as ISO 8601, null for what is
    missing or NaN. What JSON has no word for stays as it is."""
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        names = [str(name) for name in value.columns]
        rows = [plain(row) for row in value.to_numpy().tolist()]
        if len(names) == 1:
            return [row[0] for row in rows]
        return [dict(zip(names, row)) for row in rows]  # noqa: B905 - Python 3.8 has no strict
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if type(value).__name__ in ("NaTType", "NAType") or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    is_time = hasattr(value, "isoformat") and not hasattr(value, "total_seconds")  # pandas spells durations in ISO, too
    return value.isoformat() if is_time else value
