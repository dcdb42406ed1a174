"""Which formats a model's files are in, decided by their bytes: what the artifact says of itself is not asked."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mlops_ci.errors import BackendError, UsageError
from mlops_ci.serving.onnx_bytes import is_onnx

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
MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PAR1", "parquet"),
    (b"CBM1", "catboost"),
    (b"binf", "xgboost"),
    (b"tree\nversion=", "lightgbm"),
)
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd")
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def refuse_formats(directory: Path, allowed: tuple[str, ...] | None, trusted: tuple[str, ...] = ()) -> None:
    """Raises UsageError where a file is in no allowed format; with `allowed` None nothing is looked at.

    A file whose format is not known counts as refused. Nothing is unpickled, imported or run to find out.
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


def _refused(shown: str, found: str, allowed: tuple[str, ...]) -> UsageError:
    cure = f"save the model in one of them, or add '{found}'"
    what = f"is a {found} file"
    if found == "unknown":
        what, cure = "is in a format that is not known", "save the model without this file, or in one of them"
    hint = f"allowed formats: {', '.join(allowed) or 'none'} (serving.formats); {cure}"
    return UsageError(f"{shown} {what}, which is not allowed here", hint=hint)


def format_of(path: Path) -> str:
    """One of KNOWN or HARMLESS, or `unknown`. Raises BackendError for a file that can't be read."""
    try:
        with open(path, "rb") as file:
            return "python" if path.suffix.lower() in CODE else _format(file)
    except OSError as error:
        raise BackendError(f"could not read {path}: {error.strerror}") from error


def _format(file: BinaryIO) -> str:
    head = file.read(HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or zipfile.is_zipfile(file):
        return _zip(file)
    if head.startswith(b"\x93NUMPY"):
        return _numpy(head)
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(COMPRESSED) or head[:2] in ZLIB:
        return "pickle"  # joblib's and MLflow's compressed pickles; nothing else here is compressed as a whole
    if _is_pickle(file, head):
        return "pickle"
    return _by_content(file, head)


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
    return "text" if _is_text(file) else "unknown"


def _is_pickle(file: BinaryIO, head: bytes) -> bool:
    """Whether `pickle.load` would get to an end: its instructions are walked, not carried out.

    Protocol 2 and later say so in their first byte, damaged or not; the earlier ones look like text.
    """
    if head[:1] == b"\x80" and head[1:2] <= b"\x0f":
        return True
    file.seek(0)
    try:
        for opcode, _, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return True
    except Exception:
        return False
    return False


def _is_text(file: BinaryIO) -> bool:
    file.seek(0)
    reader = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        return not any("\0" in part for part in iter(lambda: reader.read(1 << 20), ""))
    except UnicodeDecodeError:
        return False
    finally:
        reader.detach()


def _numpy(head: bytes) -> str:
    """An array of objects is pickled inside."""
    described = head[:HEAD].split(b"descr", 1)[-1][:HEAD]
    return "pickle" if b"|O" in described or b"'O'" in described else "numpy"


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
            names = set(archive.namelist())
            found = set(_members(archive))
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError):
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


def _members(archive: zipfile.ZipFile) -> Iterator[str]:
    for member in archive.infolist():
        if member.is_dir():
            continue
        if Path(member.filename).suffix.lower() in CODE:
            yield "python"
            continue
        with archive.open(member) as inside:
            content = io.BytesIO(inside.read(1 << 26))
        yield _format(content)


def _refuse_types(path: Path, shown: str, trusted: tuple[str, ...]) -> None:
    """A skops file names the types it is made of; the artifact's own list of trusted ones is not believed."""
    try:
        from skops.io import get_untrusted_types
    except ImportError:
        raise UsageError(f"{shown} is a skops file, and skops is not installed in the model's environment") from None

    others = sorted(set(get_untrusted_types(file=path)) - set(trusted))
    if others:
        hint = "where you trust them, name them in serving.skops_trusted"
        raise UsageError(f"{shown} holds types that are not trusted: {', '.join(others[:5])}", hint=hint)
