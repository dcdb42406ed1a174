"""A model as batch scoring asks it: typed columns in, named answers out. Loaded in the user's environment."""

from __future__ import annotations

import difflib
from typing import Any

# Classifiers whose `predict` is the most probable class of their `predict_proba`, by class and module: asked once
# instead of twice. Where two classes are within NEAR of each other, the model's own `predict` decides all the same.
MOST_PROBABLE = {
    ("sklearn.ensemble._hist_gradient_boosting.gradient_boosting", "HistGradientBoostingClassifier"),
    ("sklearn.ensemble._gb", "GradientBoostingClassifier"),
    ("sklearn.ensemble._forest", "RandomForestClassifier"),
    ("sklearn.ensemble._forest", "ExtraTreesClassifier"),
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("sklearn.tree._classes", "DecisionTreeClassifier"),
    ("sklearn.neural_network._multilayer_perceptron", "MLPClassifier"),
    ("xgboost.sklearn", "XGBClassifier"),
    ("lightgbm.sklearn", "LGBMClassifier"),
}
PASSING = {("sklearn.pipeline", "Pipeline")}
NEAR = 1e-6
NEVER_NULL = ("boolean", "integer", "long")


class Model:
    """The loaded model. `is_parallel` says that several threads may ask it at once."""

    def __init__(self, job: Any, beside: Any) -> None:
        beside("row_hash")  # model_answers spells classes with it
        self.own = beside("model_answers")
        self.loaded = self.own.load(job)
        self.refuse_null = job["refuse_null"]
        schema = self.loaded.schema
        self.named = schema is not None and schema.has_input_names() and not schema.is_tensor_spec()
        self.kinds = {str(spec.name): spec.type for spec in schema.inputs} if self.named else {}
        self.optional = {str(spec.name) for spec in schema.inputs if not spec.required} if self.named else set()
        whole = ("integer", "long")  # of these MLflow takes no null
        self.fillable = {name for name in self.optional if getattr(self.kinds[name], "name", "") not in whole}
        self.classes = self._classes()
        self.once = self.classes is not None and answers_once(self.loaded.model)
        self.is_parallel = self.classes is not None and is_parallel(self.loaded.model)
        self.taken = set(job["keep"])

    def _classes(self) -> Any:
        if not isinstance(self.loaded, self.own.Classifier):
            return None
        import numpy

        return [str(name) for name in self.own.labels_of(numpy.asarray(self.loaded.model.classes_))]

    def columns(self, file: str, names: Any) -> Any:
        """The columns to read of a file that has `names`. Raises Unfit for the first one that it lacks."""
        schema = self.loaded.schema
        if schema is not None and schema.has_input_names():
            asked, optional = [str(name) for name in schema.input_names()], self.optional
        elif self.loaded.fitted:
            asked, optional = self.loaded.fitted, set()
        else:
            return [name for name in dict.fromkeys(names) if name not in self.taken]
        for name in asked:
            if name not in names and name not in optional:
                close = difflib.get_close_matches(name, names, 1)
                nearest = f"; did you mean its column '{close[0]}'?" if close else f": it has {', '.join(names[:20])}"
                raise self.own.Unfit(f"the model needs the column '{name}', which {file} lacks{nearest}")
        return [name for name in asked if name in names]

    def frame(self, columns: Any, rows: int) -> Any:
        """pyarrow columns as the frame that the model is given, in the types of its signature.

        An optional one that the file lacks is null, as in the model server.
        """
        import numpy
        import pandas
        import pyarrow

        if absent := {name: pyarrow.nulls(rows) for name in self.fillable if name not in columns}:
            columns = {**columns, **absent}
            columns = {name: columns[name] for name in self.kinds if name in columns}
        arrays = {name: self.array(name, column) for name, column in columns.items()}
        if arrays and all(getattr(array, "dtype", None) == numpy.float64 for array in arrays.values()):
            values = numpy.empty((rows, len(arrays)))
            for place, array in enumerate(arrays.values()):
                values[:, place] = array
            return pandas.DataFrame(values, columns=list(arrays), copy=False)
        return pandas.DataFrame(arrays, copy=False)

    def array(self, name: str, column: Any) -> Any:
        """One column. Raises Unfit where it is not what the signature asks for."""
        kind = getattr(self.kinds.get(name), "name", "")
        if not kind:
            return as_pandas(column)
        try:
            typed = cast(column, kind)
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0][:200]
            what = f"is not {kind}, as the model's signature asks: {first}"
            raise self._unfit(name, what, first_unfit(column, kind)) from None
        if typed.null_count and name not in self.optional and (self.refuse_null or kind in NEVER_NULL):
            raise self._unfit(name, "has a missing value, and the model takes none there", first_null(typed))
        return as_numpy(typed, kind)

    def _unfit(self, name: str, what: str, row: Any) -> Exception:
        unfit: Exception = self.own.Unfit(f"the column '{name}' {what}", row)
        return unfit

    def answers(self, frame: Any) -> Any:
        """name → pyarrow array: `prediction`, and a classifier's probabilities."""
        found = self._classified(frame) if self.classes is not None else self._predicted(frame)
        for name in found:
            if name in self.taken:
                raise self.own.Refused(f"the model's answer is called '{name}', and so is a column that is to be kept")
        return found

    def _classified(self, frame: Any) -> Any:
        import numpy

        model, given = self.loaded.model, self.loaded.shaped(frame) if not self.named else frame
        shares = numpy.asarray(model.predict_proba(given))
        labels = most_probable(model, given, shares) if self.once else numpy.asarray(model.predict(given))
        self.own.checked((labels, shares), len(frame))
        columns = {f"probability_{name}": shares[:, place] for place, name in enumerate(self.classes)}
        return arrow({"prediction": labels, **columns})

    def _predicted(self, frame: Any) -> Any:
        import numpy

        found = self.loaded.served.predict(frame if self.named else self.loaded.shaped(frame))
        if isinstance(found, dict):
            columns = {f"prediction_{name}": numpy.asarray(values) for name, values in found.items()}
        elif hasattr(found, "columns"):
            columns = {f"prediction_{name}": found[name].to_numpy() for name in found.columns}
        else:
            columns = spread(numpy.asarray(found))
        if len(columns) == 1:
            columns = {"prediction": next(iter(columns.values()))}
        for values in columns.values():
            self.own.checked(values, len(frame))
        return arrow(columns)


def spread(values: Any) -> Any:
    """An array of answers as columns: one a row, or several."""
    if values.ndim < 2:
        return {"prediction": values.reshape(-1) if values.ndim else values}
    flat = values.reshape(len(values), -1)
    return {f"prediction_{place}": flat[:, place] for place in range(flat.shape[1])}


def answers_once(model: Any) -> bool:
    """Whether the most probable class is what `predict` says, by what the model exactly is: a subclass may differ."""
    while (type(model).__module__, type(model).__name__) in PASSING:
        model = model.steps[-1][1]
    return (type(model).__module__, type(model).__name__) in MOST_PROBABLE


def is_parallel(model: Any) -> bool:
    """Whether all that a model is made of is scikit-learn's own, which many threads may ask at once."""
    own = [model, *model.get_params(deep=True).values()]
    for value in own:
        is_part = hasattr(value, "fit") and not isinstance(value, type)
        if is_part and not type(value).__module__.startswith("sklearn."):
            return False
        if callable(value) and not is_part:  # a function of the user's
            return False
    return True


def most_probable(model: Any, frame: Any, shares: Any) -> Any:
    """The labels of `predict`, from the probabilities; rows where two classes are nearly alike are asked."""
    import numpy

    classes = numpy.asarray(model.classes_)
    labels = classes[numpy.argmax(shares, axis=1)]
    if shares.shape[1] == 2:
        gap = numpy.abs(shares[:, 0] - shares[:, 1])
    else:
        ordered = numpy.partition(shares, -2, axis=1)
        gap = ordered[:, -1] - ordered[:, -2]
    near = numpy.flatnonzero(~(gap > NEAR))
    if len(near):
        labels[near] = model.predict(frame.iloc[near] if hasattr(frame, "iloc") else frame[near])
    return labels


def cast(column: Any, kind: str) -> Any:
    """A pyarrow column in the type that MLflow's signature names; what does not fit raises."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type) and kind != "string":
        column = column.cast(column.type.value_type)
    given = column.type
    if kind == "string":
        if types.is_integer(given) or types.is_floating(given) or types.is_decimal(given) or types.is_boolean(given):
            if column.null_count == len(column):
                return column.cast(pyarrow.string())
            raise ValueError("it holds numbers")
        return column if types.is_dictionary(given) or types.is_string(given) else column.cast(pyarrow.string())
    if kind in ("double", "float"):
        return column.cast(
            pyarrow.float64() if kind == "double" else pyarrow.float32(), safe=not types.is_integer(given)
        )
    target = {
        "boolean": pyarrow.bool_(),
        "integer": pyarrow.int32(),
        "long": pyarrow.int64(),
        "binary": pyarrow.binary(),
        "datetime": pyarrow.timestamp("ns"),
    }[kind]
    return column.cast(target)


def first_unfit(column: Any, kind: str) -> Any:
    """The first row whose value does not fit, by halving; None where it is the whole column's type that does not."""
    if kind == "string":
        return None

    def fits(rows: int) -> bool:
        try:
            cast(column.slice(0, rows), kind)
        except Exception:
            return False
        return True

    if not fits(0):
        return None
    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def first_null(column: Any) -> int:
    """The first row without a value, of a column that has one."""
    from pyarrow import compute

    place: int = compute.index(column.is_null(), True).as_py()
    return place


def as_numpy(column: Any, kind: str) -> Any:
    """A typed column as numpy, or pandas where it has categories; missing numbers are NaN, missing texts None."""
    if kind == "string" or (column.null_count and kind in NEVER_NULL):
        return as_pandas(column)
    return column.to_numpy(zero_copy_only=False)


def as_pandas(column: Any) -> Any:
    """A column as pandas has it."""
    return column.to_pandas()


def arrow(columns: Any) -> Any:
    """numpy arrays as pyarrow's. Objects take the type of their values."""
    import pyarrow

    return {
        name: pyarrow.array(values.tolist() if values.dtype.kind == "O" else values) for name, values in columns.items()
    }
