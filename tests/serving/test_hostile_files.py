"""Files made to be told as what they are not: each of them is unpickled, or read as something else, by who loads it."""

from __future__ import annotations

import contextlib
import io
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_ci.errors import UsageError
from mlops_ci.serving.formats import KNOWN, format_of, refuse_formats
from mlops_ci.serving.pickle_bytes import Walked, walk

SIGN = b"\x89HDF\r\n\x1a\n"
OTHERS = tuple(name for name in KNOWN if name != "pickle")
CALL = b"cos\nsystem\n(S'id'\ntR."


def zipped(**members: bytes) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return into.getvalue()


def array(header: str, *, version: int = 1, magic: bytes = b"\x93NUMPY") -> bytes:
    width = 2 if version == 1 else 4
    return magic + bytes([version, 0]) + (len(header) + 1).to_bytes(width, "little") + header.encode() + b"\n" + CALL


def of_type(descr: str, **keys: Any) -> bytes:
    return array(f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}", **keys)


def tar() -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("binf"))
    return into.getvalue()


NUMBERS = io.BytesIO()
np.save(NUMBERS, np.zeros(2))
SKOPS = zipped(schema_json=b"{}", a_npy=NUMBERS.getvalue())
CODE = {
    "no_end": CALL[:-1],
    "then_a_zip": CALL + SKOPS,
    "import_alone": b"cos\nsystem\n",
    "as_catboost": b"CBM1" + b"x" * 64 + CALL,
    "a_number_that_genops_refuses": b"I0x1\n0" + CALL,
    "a_number_up_to_its_zero_byte": b"I1\0 \n0" + CALL,
    "no_protocol": b"\x8c\x02os\x8c\x06system\x93(\x8c\x02idtR.",
    "an_instance": b"(S'id'\nios\nsystem\n.",
    "an_object": b"(cos\nsystem\nS'id'\no.",
    "unknown_module": b"cnowhere_to_be_found\nname\n)R.",
    "old_name": b"c__builtin__\neval\n(S'1'\ntR.",
    "by_its_memo": b"cnowhere_to_be_found\nname\np7\n0g7\n)R.",
    "in_a_frame": b"\x80\x04\x95" + len(CALL).to_bytes(8, "little") + CALL,
}
DISGUISED = {
    **{name: ("pickle", content) for name, content in CODE.items()},
    "an_extension": ("pickle", b"\x82\x01)R."),  # what it names is known to the process that unpickles
    "data_then_a_zip": ("pickle", pickle.dumps({"a": 1}, 2) + SKOPS),
    "catboost_then_a_zip": ("unknown", b"CBM1\xff\xfe\0\0" + SKOPS),
    "parquet_then_a_zip": ("unknown", b"PAR1" + SKOPS),
    "text_then_a_zip": ("unknown", b"hello\n" + SKOPS),
    "two_zips": ("unknown", zipped(data_pkl=b"text") + SKOPS),
    "parquet_then_hdf5": ("unknown", b"PAR1".ljust(2048, b"\0") + SIGN),
    "zip_then_hdf5": ("unknown", zipped(schema_json=b"{}".ljust(1000), a_npy=b"x" * 992 + SIGN)),
    "tar": ("unknown", tar()),
    "zip_in_a_zip": ("unknown", zipped(schema_json=b"{}", a=SKOPS)),
    "empty_zip": ("unknown", zipped()),
    "member_then_a_zip": ("pickle", zipped(schema_json=b"{}", a_npy=CALL + SKOPS)),
    "first_joblib": ("pickle", b"ZF0x25".ljust(21) + zlib.compress(CALL)),
    **{f"objects {descr}": ("pickle", of_type(descr)) for descr in ("'O8'", "'object'", "'=O'", "'\\x4f'", "'|O'")},
    "objects in fields": ("pickle", of_type("[('a', '<f8'), ('b', [('c', 'O')])]")),
    "objects in parts": ("pickle", of_type("('O', (2,))")),
    "objects, version 3": ("pickle", of_type("'O8'", version=3)),
    "objects, far behind": (
        "pickle",
        array(" " * 70_000 + "{'descr': 'O8', 'fortran_order': False, 'shape': (1,)}", version=2),
    ),
    "objects, twice": ("pickle", array("{'descr': '<f8', 'descr': 'O8', 'fortran_order': False, 'shape': (1,), }")),
    "no header": ("pickle", array("{")),
    "objects.npz": ("pickle", zipped(a_npy=of_type("'O8'"))),
    "numbers": ("numpy", of_type("'<f8'")),
    "fields": ("numpy", of_type("[('a', '<f8'), ('b', '<U3')]")),
}
TEXTS = [
    "0.\n",
    "N.",
    "N.B. it is small\n",
    "hello.\n",
    "channels:\n- conda-forge\n",
    "catboost\nmlflow\n",
    "cloudpickle\n",
]
TEXTS += [
    "Vision.\n",
    "I1\n",
    "(see below).\n",
    "Ready.",
    "0\n.",
    "p1\n.",
    "g1\n.",
    "}.\n",
    "a.b.c",
    "2.",
    "1.",
    "Final.\n",
    "Mrs. Smith\n",
    "Git v2.31.7 is old.\n",
    "Git 1.7.12.2 is older.\n",
    "Cats".ljust(99) + ". And dogs.\n",
]


@pytest.mark.parametrize("name", DISGUISED)
def test_a_disguise_is_seen_through(tmp_path: Path, name: str) -> None:
    expected, content = DISGUISED[name]
    (tmp_path / "model.skops").write_bytes(content)
    assert format_of(tmp_path / "model.skops") == expected
    if expected == "pickle":
        with pytest.raises(UsageError, match=r"model\.skops is a pickle file"):
            refuse_formats(tmp_path, OTHERS)


@pytest.mark.parametrize("name", CODE)
def test_each_of_them_would_run_code(name: str) -> None:
    """Tried out with an unpickler that finds a harmless function under every name."""
    found: list[tuple[str, str]] = []

    class Harmless(pickle.Unpickler):
        def find_class(self, module: str, attribute: str) -> Callable[..., None]:
            found.append((module, attribute))
            return lambda *_: None

    with contextlib.suppress(EOFError, ValueError, pickle.UnpicklingError):  # which come too late
        Harmless(io.BytesIO(CODE[name])).load()
    assert found
    assert walk(io.BytesIO(CODE[name])) is Walked.CODE


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_no_pickle(tmp_path: Path, text: str) -> None:
    (tmp_path / "README").write_text(text)
    assert format_of(tmp_path / "README") == "text"
    refuse_formats(tmp_path, ())


@pytest.mark.parametrize("length", [0x80 + 256 * 3, 0x178, 0x58, 0x4B, 0x4E, 0x5D00])
def test_a_header_s_length_makes_no_pickle(tmp_path: Path, length: int) -> None:
    """The first bytes of safetensors are a length, which may be those of a pickle's protocol."""
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    (tmp_path / "w").write_bytes(length.to_bytes(8, "little") + header + b"\0\0\x80\xff")
    assert format_of(tmp_path / "w") == "safetensors"


UNSAID = "it names no serialization_format, which means"
CLAIMS = {
    "sklearn: {pickled_model: model.skops, serialization_format: cloudpickle}": "serialization_format: cloudpickle",
    "sklearn: {pickled_model: model.skops}": f"{UNSAID} pickle",
    "sklearn: {pickled_model: model.pkl, serialization_format: skops}": "pickled_model: model.pkl",
    "python_function: {loader_module: mlflow.pyfunc.model, python_model: m}": "python_model: m",
    "python_function: {loader_module: mlflow.pyfunc.model}": "loader_module: mlflow.pyfunc.model",
    "lightgbm: {data: m, model_class: lightgbm.sklearn.LGBMClassifier}": f"{UNSAID} cloudpickle",
    "statsmodels: {data: m}": "it knows no other format",
}
HONEST = [
    "sklearn: {pickled_model: model.skops, serialization_format: skops}",
    "python_function: {loader_module: mlflow.xgboost, data: model.xgb}",
    "python_function: {loader_module: mlflow.pyfunc.model, model_code_path: m.py}",
    "lightgbm: {data: model.lgb, model_class: lightgbm.basic.Booster}",
]


@pytest.mark.parametrize("said", CLAIMS)
def test_what_says_that_it_is_unpickled_is_refused_whatever_its_bytes(tmp_path: Path, said: str) -> None:
    (tmp_path / "MLmodel").write_text(f"flavors:\n  {said}\n")
    with pytest.raises(UsageError) as told:
        refuse_formats(tmp_path, ("xgboost",))
    assert told.value.message.endswith(f" is unpickled ({CLAIMS[said]}), which is not allowed here")
    assert "add 'pickle'" in told.value.hint
    refuse_formats(tmp_path, ("pickle",))


@pytest.mark.parametrize("said", HONEST)
def test_a_flavor_that_unpickles_nothing_is_no_reason(tmp_path: Path, said: str) -> None:
    (tmp_path / "MLmodel").write_text(f"flavors:\n  {said}\n")
    refuse_formats(tmp_path, ("xgboost",))
    (tmp_path / "model").write_bytes(CALL)
    with pytest.raises(UsageError, match="model is a pickle file"):
        refuse_formats(tmp_path, ("xgboost",))


def test_an_mlmodel_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: [\n")
    with pytest.raises(UsageError, match="MLmodel can't be read"):
        refuse_formats(tmp_path, ("xgboost",))


def test_a_skops_file_that_skops_cannot_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(SKOPS)
    with pytest.raises(UsageError, match=r"model\.skops can't be read by skops"):
        refuse_formats(tmp_path, ("skops",))
