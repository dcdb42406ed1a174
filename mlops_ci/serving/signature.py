"""What a model takes and gives, read once from MLflow's signature into plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_ci.errors import UsageError

# MLflow's scalar types: the family that a JSON value must belong to, and numpy's type.
SCALARS: dict[str, tuple[str, np.dtype[Any]]] = {
    "boolean": ("boolean", np.dtype(bool)),
    "integer": ("integer", np.dtype(np.int32)),
    "long": ("integer", np.dtype(np.int64)),
    "float": ("float", np.dtype(np.float32)),
    "double": ("float", np.dtype(np.float64)),
    "string": ("string", np.dtype(object)),
    "binary": ("binary", np.dtype(object)),
    "datetime": ("datetime", np.dtype("datetime64[ns]")),
}
FAMILIES = {"b": "boolean", "i": "integer", "u": "integer", "f": "float", "U": "string", "O": "string", "M": "datetime"}
# The Open Inference Protocol's types: numpy's, and the families that they may stand for.
DATATYPES: dict[str, tuple[np.dtype[Any], tuple[str, ...]]] = {
    "BOOL": (np.dtype(bool), ("boolean",)),
    **{f"INT{bits}": (np.dtype(f"int{bits}"), ("integer", "float")) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (np.dtype(f"uint{bits}"), ("integer", "float")) for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": (np.dtype(f"float{bits}"), ("float",)) for bits in (16, 32, 64)},
    "BYTES": (np.dtype(object), ("string", "binary", "datetime", "structure")),
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column (shape `(-1,)`) or a tensor. `name` is what a client says; `label` is what the model's frame says."""

    name: str
    family: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] = (-1,)
    required: bool = True
    label: str | int = ""
    structure: Any = None  # MLflow's type of arrays, objects and maps

    @property
    def nullable(self) -> bool:
        """Whether a column may lack some of its values. Of whole numbers MLflow takes no such column at all."""
        if self.family in ("boolean", "structure") and type(self.structure).__name__ != "AnyType":
            return not self.required
        return self.family != "integer"

    def datatype(self) -> str:
        """The Open Inference Protocol's name of the type."""
        return datatype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`kind` is `columns`, `tensors` (by name), `tensor` (one, without a name) or `none` (no signature)."""

    kind: str
    inputs: tuple[Field, ...] = ()
    outputs: tuple[Field, ...] = ()
    named: bool = True
    params: Any = None  # MLflow's ParamSchema

    @property
    def plain(self) -> bool:
        """Whether every column is a scalar, so that a frame of ours is what MLflow's own enforcement would make."""
        return self.kind == "columns" and all(field.structure is None for field in self.inputs)

    @property
    def least(self) -> int:
        """Of how many values a row without names may be: the optional columns at the end may be left out."""
        return max((place for place, field in enumerate(self.inputs, 1) if field.required), default=1)


def datatype(dtype: np.dtype[Any]) -> str:
    """The Open Inference Protocol's name of a numpy type; what has none is text."""
    if dtype.kind == "b":
        return "BOOL"
    names = {"i": "INT", "u": "UINT", "f": "FP"}
    name = f"{names.get(dtype.kind, '')}{dtype.itemsize * 8}"
    return name if name in DATATYPES else "BYTES"


def read_signature(metadata: Any) -> Signature:
    """The signature of an MLflow model's metadata. Raises UsageError for a type that can't come as JSON."""
    given = metadata.get_input_schema()
    found = metadata.get_output_schema()
    outputs = tuple(_field(spec, place) for place, spec in enumerate(found.inputs)) if found is not None else ()
    params = metadata.get_params_schema()
    if given is None:
        return Signature(kind="none", outputs=outputs, params=params)
    inputs = tuple(_field(spec, place) for place, spec in enumerate(given.inputs))
    named = bool(given.has_input_names())
    kind = "columns" if not given.is_tensor_spec() else "tensors" if named else "tensor"
    return Signature(kind=kind, inputs=inputs, outputs=outputs, named=named, params=params)


def _field(spec: Any, place: int) -> Field:
    name = str(spec.name) if spec.name is not None else str(place)
    label: str | int = name if spec.name is not None else place
    required = bool(getattr(spec, "required", True))
    if hasattr(spec, "shape"):
        dtype = np.dtype(spec.type)
        if dtype.kind not in FAMILIES:
            raise UsageError(f"the signature's '{name}' is of type {dtype}, which can't be sent as JSON")
        return Field(name=name, family=FAMILIES[dtype.kind], dtype=dtype, shape=tuple(spec.shape), label=label)
    kind = getattr(spec.type, "name", None)
    if kind in SCALARS:
        family, dtype = SCALARS[kind]
        return Field(name=name, family=family, dtype=dtype, required=required, label=label)
    return Field(
        name=name,
        family="structure",
        dtype=np.dtype(object),
        required=required,
        label=label,
        structure=spec.type,
    )
