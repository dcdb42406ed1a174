"""Whether bytes are a pickle: its instructions are walked with the depth of the stack, and none is carried out.

`pickletools.genops` is stricter than what unpickles (it refuses `I0x1`), keeps no stack, and wants an end,
while a pickle has run its code long before a missing end is noticed.
"""

from __future__ import annotations

import enum
import importlib.util
import os
import pickletools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
LENGTHS = {-2: (1, False), -3: (4, True), -4: (4, False), -5: (8, False)}  # (bytes, signed) by pickletools' number
LINE = -1
TO_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")
FROM_MEMO = ("GET", "BINGET", "LONG_BINGET")
CALLS = ("REDUCE", "BUILD", "OBJ", "NEWOBJ", "NEWOBJ_EX")
CALLABLES = ("GLOBAL", "EXT1", "EXT2", "EXT4", "BINPERSID")  # what may put something that can be called on the stack
NAME = re.compile(r"[\w.\-]+")
NEWEST = 5


class Walked(enum.Enum):
    """NOTHING unpickles; DATA does, and runs nothing on its way; CODE imports or calls what the bytes name."""

    NOTHING = enum.auto()
    DATA = enum.auto()
    CODE = enum.auto()


class Broken(Exception):
    """An unpickler would raise here."""


def walk(file: BinaryIO) -> Walked:
    """What `pickle.load` would do with these bytes from the first one on; in doubt, that it would.

    Constants alone that need no line of their own are NOTHING: they do no harm, and a text may begin with `Mrs.`.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    stack = Stack()
    try:
        for opcode, argument in _instructions(file, size):
            if opcode.name == "STOP":
                stack.take(1)
                return Walked.DATA if stack.made else Walked.NOTHING
            if _runs(opcode, argument, stack):
                return Walked.CODE
    except Broken:
        pass
    return Walked.NOTHING


@dataclass(kw_only=True)
class Stack:
    """How much lies on it since the last mark, and before each of them. `made` once there was more than constants,
    `callable` once something was put there that may be called."""

    depth: int = 0
    marked: list[int] = field(default_factory=list)
    memo: set[int] = field(default_factory=set)
    made: bool = False
    callable: bool = False

    def take(self, number: int) -> None:
        """Raises Broken where less is there: nobody reaches below a mark."""
        if self.depth < number:
            raise Broken
        self.depth -= number

    def take_marked(self) -> None:
        """All since the last mark, and the mark."""
        if not self.marked:
            raise Broken
        self.depth = self.marked.pop()


def _runs(opcode: pickletools.OpcodeInfo, argument: bytes | int | None, stack: Stack) -> bool:
    """Change the stack as the instruction would; whether it imports or calls something."""
    name, before = opcode.name, opcode.stack_before
    stack.made = stack.made or not _is_constant(opcode)
    if name == "MARK":
        stack.marked.append(stack.depth)
        stack.depth = 0
        return False
    if name == "POP" and stack.depth == 0:
        stack.take_marked()
        return False
    if pickletools.markobject in before:
        stack.take(before.index(pickletools.stackslice) - before.index(pickletools.markobject) - 1)
        stack.take_marked()
        stack.take(before.index(pickletools.markobject))
    else:
        stack.take(len(before))
    stack.depth += len(opcode.stack_after)
    _remember(name, argument, stack)
    stack.callable = stack.callable or name in CALLABLES
    if name == "GLOBAL":
        return _is_there(_names(argument)[0])
    if name == "INST":
        return bool(_names(argument))
    return name == "STACK_GLOBAL" or (name in CALLS and stack.callable)


def _is_constant(opcode: pickletools.OpcodeInfo) -> bool:
    """Or moves some: nothing is put together, and no line is read."""
    if opcode.name in ("PROTO", *CALLABLES) or (opcode.arg is not None and opcode.arg.n == LINE):
        return False
    return not opcode.stack_before or opcode.name in ("DUP", "POP", "POP_MARK")


def _remember(name: str, argument: bytes | int | None, stack: Stack) -> None:
    if name in TO_MEMO or name == "MEMOIZE":
        if stack.depth < 1:
            raise Broken
        stack.memo.add(len(stack.memo) if argument is None else int(argument))
    elif name in FROM_MEMO and (argument is None or int(argument) not in stack.memo):
        raise Broken


def _names(argument: bytes | int | None) -> list[str]:
    """Module and attribute. Raises Broken for what can be no name of either: a text's first two lines, mostly."""
    assert isinstance(argument, bytes)
    names = argument.decode("utf-8", "replace").split("\n")
    if not all(NAME.fullmatch(name) for name in names):
        raise Broken
    return names


def _is_there(module: str) -> bool:
    """Whether an import would get to run something here. Looking for the first package imports nothing."""
    try:
        return importlib.util.find_spec(module.split(".")[0]) is not None
    except (ValueError, ImportError):
        return True


def _instructions(file: BinaryIO, size: int) -> Iterator[tuple[pickletools.OpcodeInfo, bytes | int | None]]:
    """Each with its argument where the walk needs it; what is long is skipped. Raises Broken at the end."""
    while code := file.read(1):
        opcode = OPCODES.get(code.decode("latin-1"))
        if opcode is None or opcode.name == "PERSID":  # no unpickler here knows objects by a line of text
            raise Broken
        number = opcode.arg.n if opcode.arg is not None else 0
        if number == LINE:
            yield opcode, _line(file, opcode.name)
        elif number == 0:
            yield opcode, None
        elif number > 0:
            value = int.from_bytes(_exactly(file, number), "little")
            if opcode.name == "PROTO" and value > NEWEST:
                raise Broken
            yield opcode, value
        else:
            width, signed = LENGTHS[number]
            length = int.from_bytes(_exactly(file, width), "little", signed=signed)
            if not 0 <= length <= size - file.tell():
                raise Broken
            file.seek(length, os.SEEK_CUR)
            yield opcode, length
    raise Broken


def _exactly(file: BinaryIO, number: int) -> bytes:
    found = file.read(number)
    if len(found) < number:
        raise Broken
    return found


def _line(file: BinaryIO, name: str) -> bytes | int:
    """The argument of an instruction of protocol 0, as leniently as C reads it, which stops at a zero byte."""
    line = _ended(file)
    if name in ("GLOBAL", "INST"):
        return line + b"\n" + _ended(file)
    text = line.split(b"\0")[0].strip()
    if name in ("INT", "LONG") and not text[:1].isdigit() and text[:1] not in (b"+", b"-"):
        raise Broken
    if name == "STRING" and text[:1] not in (b"'", b'"'):
        raise Broken
    if name in ("FLOAT", "PUT", "GET"):
        try:
            return int(float(text) != 0) if name == "FLOAT" else int(text)
        except ValueError:
            raise Broken from None
    return line


def _ended(file: BinaryIO) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise Broken
    return line[:-1]
