"""Whether bytes are an ONNX model: it has no magic number, so its outermost protobuf fields are walked.

The fields are those of `ModelProto` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import os
from typing import BinaryIO

VARINT, LENGTH = 0, 2
FIELDS = {
    1: VARINT,  # ir_version
    2: LENGTH,  # producer_name
    3: LENGTH,  # producer_version
    4: LENGTH,  # domain
    5: VARINT,  # model_version
    6: LENGTH,  # doc_string
    7: LENGTH,  # graph
    8: LENGTH,  # opset_import
    14: LENGTH,  # metadata_props
    20: LENGTH,  # training_info
    25: LENGTH,  # functions
    26: LENGTH,  # configuration
}
GRAPH = 7


def is_onnx(file: BinaryIO) -> bool:
    """Whether all fields are ModelProto's, end where the file ends, and one of them is the graph."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    found = set()
    while file.tell() < size:
        key = _varint(file)
        field, kind = (key or 0) >> 3, (key or 0) & 7
        if FIELDS.get(field) != kind:
            return False
        value = _varint(file)
        if value is None or (kind == LENGTH and file.tell() + value > size):
            return False
        if kind == LENGTH:
            file.seek(value, os.SEEK_CUR)
        found.add(field)
    return GRAPH in found


def _varint(file: BinaryIO) -> int | None:
    """A base-128 number, or None where the bytes are none."""
    value = 0
    for place in range(10):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << (7 * place)
        if not byte[0] & 0x80:
            return value
    return None
