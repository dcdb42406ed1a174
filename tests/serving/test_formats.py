"""Formats are told by bytes: a pickle by any other name is a pickle, and what nobody knows is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_ci.errors import UsageError
from mlops_ci.serving.formats import format_of, refuse_formats


def zipped(**members: bytes) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return into.getvalue()


def array(values: Any) -> bytes:
    into = io.BytesIO()
    np.save(into, values, allow_pickle=True)
    return into.getvalue()


PICKLES = {protocol: pickle.dumps({"a": [1, "x"]}, protocol) for protocol in range(6)}
SAFETENSORS = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
ONNX = b"\x08\x09\x12\x02me\x3a\x05gr\xffph\x42\x02\x10\x11"
FILES = {
    **{f"pickle{protocol}.json": ("pickle", content) for protocol, content in PICKLES.items()},
    "damaged": ("pickle", PICKLES[4][:8]),
    "trailing": ("pickle", PICKLES[0] + b"\nmore text"),
    "gzip": ("pickle", gzip.compress(PICKLES[4])),
    "zlib": ("pickle", zlib.compress(PICKLES[4])),
    "bz2": ("pickle", bz2.compress(PICKLES[4])),
    "torch": ("pickle", zipped(archive__data_pkl=PICKLES[2], archive__version=b"3\n")),
    "objects.npy": ("pickle", array(np.array([{"a": 1}], dtype=object))),
    "objects.npz": ("pickle", zipped(a_npy=array(np.array([None], dtype=object)))),
    "skops_with_pickle": ("pickle", zipped(schema_json=b"{}", a_npy=PICKLES[4])),
    "skops": ("skops", zipped(schema_json=b"{}", a_npy=array(np.zeros(2)))),
    "keras": ("keras", zipped(config_json=b"{}", metadata_json=b"{}", weights_h5=b"\x89HDF\r\n\x1a\nrest\0")),
    "numbers.npy": ("numpy", array(np.zeros(2))),
    "numbers.npz": ("numpy", zipped(a_npy=array(np.zeros(2)))),
    "xgboost.json": ("xgboost", b'{"learner": {"attributes": {}}, "version": [2, 0, 0]}'),
    "xgboost.ubj": ("xgboost", b"{L\0\0\0\0\0\0\0\x07learner{" + bytes(range(128, 256))),
    "lightgbm": ("lightgbm", b"tree\nversion=v4\nnum_class=1\n"),
    "catboost": ("catboost", b"CBM1\xff\xfe\0\0"),
    "safetensors": ("safetensors", len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS + b"\0\0\x80\xff"),
    "onnx": ("onnx", ONNX),
    "cut_onnx": ("unknown", ONNX[:-1]),
    "hdf5": ("hdf5", b"\x89HDF\r\n\x1a\n\0\xff"),
    "parquet": ("parquet", b"PAR1\xff\0PAR1"),
    "MLmodel": ("text", b"flavors:\n  sklearn:\n    serialization_format: skops\n"),
    "input_example.json": ("text", json.dumps({"columns": ["a"], "data": [[1.5]]}).encode()),
    "requirements.txt": ("text", b"scikit-learn==1.7.2\nmlflow\n"),
    "empty": ("text", b""),
    "loader.py": ("python", b"import os\n"),
    "other.zip": ("unknown", zipped(readme_txt=b"text")),
    "other": ("unknown", b"\xde\xad\xbe\xef\0\x01"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_bytes_decide(tmp_path: Path, name: str) -> None:
    expected, content = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert format_of(path) == expected


def test_every_file_must_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "model.xgb").write_bytes(FILES["xgboost.json"][1])
    refuse_formats(tmp_path, ("xgboost",))
    (tmp_path / "code" / "loader.py").write_text("import os\n")
    with pytest.raises(UsageError, match=r"code/loader\.py is a python file"):
        refuse_formats(tmp_path, ("xgboost",))
    refuse_formats(tmp_path, ("xgboost", "python"))
    (tmp_path / "code" / "blob").write_bytes(b"\xde\xad\xbe\xef\0\x01")
    with pytest.raises(UsageError, match="code/blob is in a format that is not known"):
        refuse_formats(tmp_path, ("xgboost", "python"))
    refuse_formats(tmp_path, None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_skops_file_may_hold_only_types_that_are_trusted_here(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dump

    dump(LinearRegression(), tmp_path / "model.skops")
    refuse_formats(tmp_path, ("skops",))
    dump(FunctionTransformer(zipfile.is_zipfile), tmp_path / "model.skops")
    with pytest.raises(UsageError, match=r"model\.skops holds types that are not trusted: zipfile\.is_zipfile") as told:
        refuse_formats(tmp_path, ("skops",))
    assert "serving.skops_trusted" in told.value.hint
    refuse_formats(tmp_path, ("skops",), ("zipfile.is_zipfile",))
