"""Which formats a model's files are in, decided by their bytes: what the artifact says of itself is not asked."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mlops_ci.errors import BackendError, UsageError
from mlops_ci.serving import numpy_bytes
from mlops_ci.serving.flavors import unpickled
from mlops_ci.serving.onnx_bytes import is_onnx
from mlops_ci.serving.pickle_bytes import Walked, walk

HEAD = 4096
HARMLESS = ("text", "parquet")  # descriptions, requirements, input examples: nothing in them is run
KNOWN = (
    "pickle",
    "skops",
    "xgboost",
    "lightgbm",
    "catboost",
    "onnx",
    "safetensors",
    "numpy",
    "keras",
    "hdf5",
    "python",
)
CODE = (".py", ".pyc", ".pyo", ".so", ".pyd", ".pth", ".ipynb")  # what an import, or MLflow's models-from-code, runs
ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
MAGIC = (
    (HDF5, "hdf5"),
    (b"PAR1", "parquet"),
    (b"CBM1", "catboost"),
    (b"binf", "xgboost"),
    (b"tree\nversion=", "lightgbm"),
)
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd")
OLD_JOBLIB = re.compile(rb"ZF[\s+_0-9a-fA-FxX]{10}")  # its first compressed pickles: the length as a text, then zlib
LONGEST_MEMBER = 1 << 26  # bytes that are looked at of a file in a zip
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def refuse_formats(directory: Path, allowed: tuple[str, ...] | None, trusted: tuple[str, ...] = ()) -> None:
    """Raises UsageError where a file is in no allowed format; with `allowed` None nothing is looked at.

    A file whose format is not known counts as refused; without `pickle` among the allowed ones so does an MLmodel that
    says that something is unpickled. Nothing is unpickled, imported or run to find out.
    """
    if allowed is None:
        return
    for name in allowed:
        if name not in KNOWN:
            raise UsageError(f"'{name}' is no format of model files", hint=f"known: {', '.join(KNOWN)}")
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        found = format_of(path)
        shown = path.relative_to(directory).as_posix()
        if found not in (*allowed, *HARMLESS):
            raise _refused(shown, found, allowed)
        if found == "skops":
            _refuse_types(path, shown, trusted)
    if "pickle" not in allowed and (reason := unpickled(directory)):
        raise UsageError(f"{reason}, which is not allowed here", hint=_hint(allowed, "pickle"))


def _refused(shown: str, found: str, allowed: tuple[str, ...]) -> UsageError:
    what = "is in a format that is not known" if found == "unknown" else f"is a {found} file"
    return UsageError(f"{shown} {what}, which is not allowed here", hint=_hint(allowed, found))


def _hint(allowed: tuple[str, ...], found: str) -> str:
    cure = f"save the model in one of them, or add '{found}'"
    if found == "unknown":
        cure = "save the model without this file, or in one of them"
    return f"allowed formats: {', '.join(allowed) or 'none'} (serving.formats); {cure}"


def format_of(path: Path) -> str:
    """One of KNOWN or HARMLESS, or `unknown`. Raises BackendError for a file that can't be read."""
    try:
        with open(path, "rb") as file:
            return "python" if path.suffix.lower() in CODE else _format(file)
    except OSError as error:
        raise BackendError(f"could not read {path}: {error.strerror}") from error


def _format(file: BinaryIO) -> str:
    """A pickle is looked for first: whoever unpickles begins at the first byte, whatever else the file may be."""
    head = file.read(HEAD)
    walked = walk(file)
    if walked is Walked.CODE or _is_compressed(head):
        return "pickle"
    if head.startswith(ZIP):
        return "unknown" if _holds_hdf5(file) else _zip(file)
    if zipfile.is_zipfile(file) or _holds_hdf5(file) or _at(file, 257, 5) == b"ustar":  # read as that all the same
        return "pickle" if walked is Walked.DATA else "unknown"
    if head.startswith(numpy_bytes.MAGIC):
        return "numpy" if numpy_bytes.is_plain(file) else "pickle"
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if walked is Walked.DATA:
        return "pickle"
    return _by_content(file, head)


def _is_compressed(head: bytes) -> bool:
    """Joblib's and MLflow's compressed pickles; nothing else here is compressed as a whole."""
    return head.startswith(COMPRESSED) or _is_zlib(head) or OLD_JOBLIB.match(head) is not None


def _is_zlib(head: bytes) -> bool:
    """Its two first bytes are too few to tell: safetensors whose header has 376 bytes begin with them."""
    if head[:2] not in ZLIB:
        return False
    try:
        zlib.decompressobj().decompress(head, 1)
    except zlib.error:
        return False
    return True


def _holds_hdf5(file: BinaryIO) -> bool:
    """Whether a file that begins otherwise is read as HDF5: that may begin at 512, 1024, 2048, … bytes, too."""
    size = file.seek(0, os.SEEK_END)
    offset = 512
    while offset < size:
        if _at(file, offset, len(HDF5)) == HDF5:
            return _at(file, 0, len(HDF5)) != HDF5
        offset *= 2
    return False


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _by_content(file: BinaryIO, head: bytes) -> str:
    start = head.lstrip()
    if start.startswith(b"{") and b'"learner"' in head[:HEAD] and _is_text(file):
        return "xgboost"
    if head.startswith(b"{L") and b"learner" in head[:64]:  # UBJSON
        return "xgboost"
    if _is_safetensors(file, head):
        return "safetensors"
    if is_onnx(file):
        return "onnx"
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return "pickle"  # a damaged one
    return "text" if _is_text(file) else "unknown"


def _is_text(file: BinaryIO) -> bool:
    file.seek(0)
    reader = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        return not any("\0" in part for part in iter(lambda: reader.read(1 << 20), ""))
    except UnicodeDecodeError:
        return False
    finally:
        reader.detach()


def _is_safetensors(file: BinaryIO, head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or length > 100_000_000:
        return False
    file.seek(8)
    try:
        return isinstance(json.loads(file.read(length)), dict)
    except ValueError:
        return False


def _zip(file: BinaryIO) -> str:
    """By its members: one pickle makes it a pickle, whatever else there is."""
    try:
        with zipfile.ZipFile(file) as archive:
            if not _is_whole(archive):
                return "unknown"
            names = set(archive.namelist())
            found = set(_members(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError, OSError):
        return "unknown"
    if "pickle" in found or "python" in found:
        return "pickle" if "pickle" in found else "python"
    if "schema.json" in names and found <= {"text", "numpy"}:
        return "skops"
    if {"config.json", "metadata.json"} <= names and found <= {"text", "hdf5"}:
        return "keras"
    if names and all(name.endswith(".npy") for name in names) and found == {"numpy"}:
        return "numpy"
    return "unknown"


def _is_whole(archive: zipfile.ZipFile) -> bool:
    """Whether it begins where the file does: of one zip behind another, readers disagree which of them is meant."""
    return min((member.header_offset for member in archive.infolist()), default=-1) == 0


def _members(archive: zipfile.ZipFile) -> Iterator[str]:
    for member in archive.infolist():
        if member.is_dir():
            continue
        if Path(member.filename).suffix.lower() in CODE:
            yield "python"
            continue
        with archive.open(member) as inside:
            content = inside.read(LONGEST_MEMBER + 1)
        if content.startswith(ZIP):
            yield "unknown"
            continue
        found = _format(io.BytesIO(content))
        whole = len(content) <= LONGEST_MEMBER or found in ("numpy", "hdf5")  # which their beginning tells
        yield found if whole or found == "pickle" else "unknown"


def _refuse_types(path: Path, shown: str, trusted: tuple[str, ...]) -> None:
    """A skops file names the types it is made of; the artifact's own list of trusted ones is not believed."""
    try:
        from skops.io import get_untrusted_types
    except ImportError:
        raise UsageError(f"{shown} is a skops file, and skops is not installed in the model's environment") from None

    try:
        others = sorted(set(get_untrusted_types(file=path)) - set(trusted))
    except Exception as error:  # whatever skops makes of a file that it did not write
        raise UsageError(f"{shown} can't be read by skops: {type(error).__name__}") from None
    if others:
        hint = "where you trust them, name them in serving.skops_trusted"
        raise UsageError(f"{shown} holds types that are not trusted: {', '.join(others[:5])}", hint=hint)
