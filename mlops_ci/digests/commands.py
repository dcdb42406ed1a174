"""Which scripts of the repository a stage's command runs, as far as can be told without running it."""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PYTHON = re.compile(r"(?:.*/)?python(?:\d+(?:\.\d+)?)?")
SHELL = re.compile(r"(?:.*/)?(?:ba|da|z|k)?sh")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
TAKES_VALUE = ("-X", "-W", "--check-hash-based-pycs")


@dataclass(frozen=True)
class Script:
    """A file, or a module, that a command runs in `folder` (a path from the root)."""

    folder: str
    file: str = ""
    module: str = ""


def scripts(commands: Sequence[str], folder: str) -> Iterator[Script]:
    """The scripts of a stage's commands, which run one after the other in `folder`."""
    for command in commands:
        here = folder
        for words in _simple(command):
            if words[:1] == ["cd"] and len(words) == 2:
                here = posixpath.normpath(posixpath.join(here, words[1]))
            elif (found := _script(words, here)) is not None:
                yield found


def _simple(command: str) -> Iterator[list[str]]:
    """The simple commands of a shell line; nothing where the line cannot be read."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        return
    yield words


def _script(words: list[str], folder: str) -> Script | None:
    words = list(itertools.dropwhile(ASSIGNMENT.fullmatch, words))
    for index, word in enumerate(words):
        if PYTHON.fullmatch(word):
            return _python(words[index + 1 :], folder)
        if SHELL.fullmatch(word):
            named = next((item for item in words[index + 1 :] if not item.startswith("-")), "")
            return _file(named, folder) if "-c" not in words else None
        if word.endswith((".py", ".sh")):
            return _file(word, folder)
    return None


def _python(words: list[str], folder: str) -> Script | None:
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("-m", "-c"):
            return Script(folder, module=words[at + 1]) if word == "-m" and at + 1 < len(words) else None
        if not word.startswith("-"):
            return _file(word, folder)
        at += 2 if word in TAKES_VALUE else 1
    return None


def _file(name: str, folder: str) -> Script | None:
    if not name or name.startswith("/"):
        return None
    return Script(folder, file=posixpath.normpath(posixpath.join(folder, name)))
