"""The text of a pull request that is kept current: ours between two markers, and a person's around it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BUDGET = 60_000  # bytes; GitHub takes 65,536 characters
LEAST = 1_000  # bytes that are ours even where a person wrote more than the budget
LONGEST_TITLE = 200
FOOTER = (
    "_mlops-ci keeps this pull request current, and writes between its two markers only. A commit of yours on the "
    "branch stops it; so does the label `mlops-ci:hold`. Closing it means: not now._"
)
_BEGIN = re.compile(r"<!-- mlops-ci:begin((?: [a-z]+=[0-9a-z-]+)+) -->")
_END = "<!-- mlops-ci:end -->"


@dataclass(frozen=True, kw_only=True)
class Block:
    """What the marker remembers. `title` is a short hash of the title we gave; `state` is `kept`, `pending` (opened,
    labels and reviewers may be missing) or `closed` (by us). `text` names what our text says, '' where it does not
    say all yet."""

    fingerprint: str
    severity: int
    sequence: int
    title: str
    draft: bool
    state: str = "kept"
    text: str = ""


def title_of(text: str) -> str:
    """A title as one line of at most 200 printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"


def title_hash(title: str) -> str:
    """By what the marker knows whether a title is still ours."""
    return hashlib.sha256(title.encode("utf-8", "replace")).hexdigest()[:12]


def block_of(body: str) -> Block | None:
    """What our marker in a body says; None where a person took it out or broke it."""
    found = _find(body)
    return None if found is None else _parsed(found[2])


def human_text(body: str) -> str:
    """What stands outside of our markers."""
    found = _find(body)
    return (body if found is None else body[: found[0]] + body[found[1] :]).strip()


def compose(old: str, sections: Sequence[str], block: Block) -> str:
    """`old` with our part made anew, within the budget; where our part is gone it comes to the end."""
    found = _find(old)
    before, after = (old, "") if found is None else (old[: found[0]], old[found[1] :])
    if found is None and before.strip():
        before = before.rstrip() + "\n\n"
    outside = len((before + after).encode("utf-8", "replace"))
    inner = _cut([*map(harmless, sections)], max(LEAST, BUDGET - outside) - 500)
    return f"{before}{_begin(block)}\n{inner}\n{_END}{after}"


def marked(body: str, block: Block) -> str:
    """`body` with only what our marker remembers made anew."""
    found = _find(body)
    if found is None:
        return body
    start, end, _ = found
    return body[:start] + _BEGIN.sub(_begin(block), body[start:end], count=1) + body[end:]


def harmless(section: str) -> str:
    """A section that can't end our part, start another, or hide what follows in a comment."""
    return section.replace("<!--", "&lt;!--").replace("-->", "--&gt;").strip()


def _begin(block: Block) -> str:
    words = (
        f"fingerprint={block.fingerprint}",
        f"severity={block.severity}",
        f"sequence={block.sequence}",
        f"title={block.title}",
        f"draft={str(block.draft).lower()}",
        f"state={block.state}",
        *([f"text={block.text}"] if block.text else []),
    )
    return f"<!-- mlops-ci:begin {' '.join(words)} -->"


def _find(body: str) -> tuple[int, int, str] | None:
    """(start, end, attributes) of the last begin marker that has an end."""
    for match in reversed(list(_BEGIN.finditer(body))):
        end = body.find(_END, match.end())
        if end >= 0 and _parsed(match[1]) is not None:
            return match.start(), end + len(_END), match[1]
    return None


def _parsed(attributes: str) -> Block | None:
    words = dict(word.split("=", 1) for word in attributes.split())
    try:
        return Block(
            fingerprint=words["fingerprint"],
            severity=int(words["severity"]),
            sequence=int(words["sequence"]),
            title=words["title"],
            draft=words["draft"] == "true",
            state=words["state"],
            text=words.get("text", ""),
        )
    except (KeyError, ValueError):
        return None


def _cut(sections: Sequence[str], budget: int) -> str:
    """As many whole sections as fit, and a line that tells how many did not; then how to stop us."""
    room = budget - len(FOOTER.encode()) - 100
    kept = list(_fitting(sections, room))
    left = len(sections) - len(kept)
    if left:
        kept.append(f"_{left} more section{'s' * (left > 1)} did not fit; the full report has everything._")
    return "\n\n".join([*kept, FOOTER])


def _fitting(sections: Iterable[str], room: int) -> Iterable[str]:
    for section in sections:
        room -= len(section.encode("utf-8", "replace")) + 2
        if room < 0:
            return
        yield section
