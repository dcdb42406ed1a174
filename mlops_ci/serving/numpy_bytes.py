"""Whether a NumPy file is numbers alone: an array that holds objects is pickled inside.

The file's layout: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import re
from typing import Any, BinaryIO

MAGIC = b"\x93NUMPY"
LENGTHS = {1: 2, 2: 4, 3: 4}  # format's major version → bytes of the header's length
LONGEST = 1 << 16  # of a header; NumPy itself takes 10,000 unless it is told to trust the file
PLAIN = re.compile(r"[<>|=]?[?biufcSUMm][0-9]*(\[[0-9a-zA-Z]+\])?")


def is_plain(file: BinaryIO) -> bool:
    """Read as NumPy reads it; False where that is in doubt."""
    file.seek(len(MAGIC))
    width = LENGTHS.get(int.from_bytes(file.read(1), "little"))
    file.read(1)
    if width is None:
        return False
    length = int.from_bytes(file.read(width), "little")
    if length > LONGEST:
        return False
    header = file.read(length)
    try:
        described = ast.literal_eval(header.decode("utf-8" if width == 4 else "latin-1").strip())["descr"]
        return not _has_objects(described)
    except Exception:  # whatever literal_eval and dtype make of hostile texts
        return False


def _has_objects(described: Any) -> bool:
    try:
        from numpy.lib import format as layout
    except ImportError:
        return not (isinstance(described, str) and PLAIN.fullmatch(described))
    return bool(layout.descr_to_dtype(described).hasobject)
