"""Everything that came from outside, made harmless for where it is shown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#!$&])")
STARTS = re.compile(r"^(\d*)([-+=.)])")
REFERENCES = re.compile(r"#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)  # GitHub looks for them in what is rendered


def plain(text: str, *, longest: int = LONGEST) -> str:
    """One line without control characters, escape codes or direction overrides, cut to `longest` characters."""
    text = str(text)
    if not text.isprintable():
        text = "".join(map(_harmless, ESCAPES.sub("", text)))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _harmless(character: str) -> str:
    if character in "\r\n\t":
        return " "
    return "" if unicodedata.category(character)[0] == "C" else character


def markdown(text: str, *, longest: int = LONGEST) -> str:
    """Text that Markdown renders as it is: no markup, no table break, no mention, no reference, no link of its own."""
    cleaned = MARKDOWN.sub(r"\\\1", REFERENCES.sub("\\g<0>\u2060", plain(text, longest=longest)))
    return cleaned.replace("@", "@\u2060").replace("://", ":\u2060//").replace("www.", "www\u2060.")


def line(text: str, *, longest: int = LONGEST) -> str:
    """The same where it begins a line: no list, rule, heading or block of code of its own."""
    return STARTS.sub(r"\1\\\2", markdown(text, longest=longest).lstrip())


def code(text: str, *, longest: int = LONGEST) -> str:
    """A name, digest or command as a code span; what could end the span is left out."""
    kept = plain(text, longest=longest).replace("`", "").replace("|", "").strip()
    return f"`{kept}`" if kept else "–"
