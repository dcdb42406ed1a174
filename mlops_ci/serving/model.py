"""The MLflow model as KServe's `Model`, called with frames that are already what its signature asks for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kserve
import numpy as np
import pandas as pd
from mlflow import pyfunc

from mlops_ci.errors import BackendError
from mlops_ci.serving.answers import Output, outputs_of
from mlops_ci.serving.missing import first_rows, needed
from mlops_ci.serving.question import UNNAMED, Question
from mlops_ci.serving.refusals import MODEL_FAILED, Refusal, malformed, wrong
from mlops_ci.serving.signature import Field, Signature, read_signature
from mlops_ci.serving.values import Array

log = logging.getLogger("mlops_ci.serving")


class MlflowModel(kserve.Model):  # type: ignore[misc]
    """Loaded once; `answer` may be called from any one thread at a time."""

    signature: Signature

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name)
        self.directory = directory

    def load(self) -> bool:
        """Raises BackendError where MLflow can't load the directory."""
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            # Its warnings would not be shown, and to find them it reads what every installed package says of itself.
            self.pyfunc = pyfunc.load_model(str(self.directory), suppress_warnings=True)
        except Exception as error:
            log.exception("the model could not be loaded")
            first = (str(error).splitlines() or [""])[0]
            raise BackendError(f"MLflow could not load the model: {type(error).__name__}: {first}") from None
        self.signature = read_signature(self.pyfunc.metadata)
        self.raw = _raw(self.pyfunc)
        self.classes = _classes(self.raw)
        self._direct = _direct(self.pyfunc, self.signature)
        self._labels = {field.name: field.label for field in self.signature.inputs}
        self._index = pd.Index([field.label for field in self.signature.inputs])
        self._answered: Mapping[str, Array] = {}
        self.ready = True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs of the signature, as the Open Inference Protocol tells them."""
        return [_metadata(field) for field in self.signature.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs of the signature, as the Open Inference Protocol tells them."""
        return [_metadata(field) for field in self.signature.outputs]

    def answer(self, columns: Mapping[str, Array], question: Question) -> list[Output]:
        """The outputs for all rows of `columns`, probabilities last.

        Raises Refusal (500, without the model's own words, which may hold the input) where the model raises.
        """
        if question.probabilities and self.classes is None:
            raise malformed("this model offers no probabilities")
        try:
            outputs = self._outputs(columns, question)
        except Exception:
            log.exception("the model failed in predict")
            raise MODEL_FAILED from None
        if not self._answered and self.signature.kind != "none":
            self._answered = first_rows(columns)
        return outputs

    def fault(self, question: Question) -> Refusal:
        """Why a question that the model failed on is refused: 400 with the column of a value that it needs, or else
        `MODEL_FAILED`. The model is asked again, with the missing values filled in."""

        inputs = self.signature.inputs if self.signature.kind == "columns" else ()

        def answers(columns: Mapping[str, Array]) -> bool:
            if inputs:
                columns = {field.name: columns[field.name] for field in inputs if field.name in columns}
            try:
                self._outputs(columns, question)
            except BaseException:  # a model may end with SystemExit, too
                return False
            return True

        given = question.columns
        absent = {field.name: np.zeros(question.rows, field.dtype) for field in inputs if field.name not in given}
        found = needed(given, absent, self._answered, answers=answers)
        if found is None:
            return MODEL_FAILED
        name, row = found
        # Without a signature a column's name is the client's own word, and never told.
        known = name if self.signature.kind != "none" and name != UNNAMED else "inputs"
        return wrong(known, row, "has no value, and the model needs one", reason="null")

    def _outputs(self, columns: Mapping[str, Array], question: Question) -> list[Output]:
        given = self._given(columns)
        if self._direct is not None and not question.params:
            found = self._direct(given)
        else:
            found = self.pyfunc.predict(given, params=dict(question.params) or None)
        outputs = outputs_of(found, self.signature.outputs)
        if question.probabilities:
            shares = np.asarray(self.raw.predict_proba(given))
            outputs.append(Output(name="probabilities", values=shares, parameters={"classes": self.classes}))
        return outputs

    def _given(self, columns: Mapping[str, Array]) -> Any:
        """What the model is called with: a frame, an array, or arrays by name."""
        if UNNAMED in columns:
            return columns[UNNAMED]
        if self.signature.kind == "tensors":
            return dict(columns)
        arrays = list(columns.values())
        if len(arrays) == len(self._index) and all(array.dtype == np.float64 for array in arrays):
            return pd.DataFrame(np.column_stack(arrays), columns=self._index)
        return pd.DataFrame({self._labels.get(name, name): array for name, array in columns.items()}, copy=False)


def _direct(model: Any, signature: Signature) -> Any:
    """The flavor's own predict where MLflow would only check once more what is checked already; else None.

    MLflow returns a column unchanged whose type is the signature's; a test holds the two ways equal.
    """
    own = getattr(model, "_predict_fn", None)
    metadata = model.metadata
    hinted = any(
        getattr(metadata, name, bool)() for name in ("_is_signature_from_type_hint", "_is_type_hint_from_example")
    )
    return own if signature.plain and signature.params is None and not hinted else None


def _raw(model: Any) -> Any:
    """What the flavor itself loaded, or None; older MLflow has only the attribute."""
    try:
        return model.get_raw_model()
    except Exception:
        return getattr(getattr(model, "_model_impl", None), "sklearn_model", None)


def _classes(raw: Any) -> Sequence[Any] | None:
    """The classes of a model with `predict_proba`, in the order of its columns."""
    if not callable(getattr(raw, "predict_proba", None)) or not hasattr(raw, "classes_"):
        return None
    classes: Sequence[Any] = np.asarray(raw.classes_).tolist()
    return classes


def _metadata(field: Field) -> dict[str, Any]:
    return {"name": field.name, "datatype": field.datatype(), "shape": list(field.shape)}
