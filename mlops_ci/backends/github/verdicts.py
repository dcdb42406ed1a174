"""The comment on a verdict: one a marker, and never of an older commit over that of a newer one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.branches import Branches
from mlops_ci.backends.github.budget import fit
from mlops_ci.backends.github.comments import Comments, text_of
from mlops_ci.backends.github.pulls import Pulls
from mlops_ci.records.forge import stamp

_HEAD = re.compile(re.escape(stamp("head:SHA")).replace("SHA", "([0-9a-f]{40,64})"))
# What stands above an older commit's verdict while a newer one is judged.
BEGUN, OLDER = stamp("begun"), stamp("older")
_NOTE = re.compile(f"{re.escape(BEGUN)}\n.*?\n{re.escape(OLDER)}\n", re.DOTALL)


@dataclass(frozen=True)
class Verdicts:
    """Whoever writes looks first at whose commit stands there.

    GitHub takes no condition with a write, so a run that was overtaken between its look and its write would still win:
    it looks again after, and takes its own comment back where it made a second one. Runs of one pull request should
    cancel each other (`concurrency` of the workflow).
    """

    api: Api

    def write(
        self, number: int, body: str, *, marker: str, head: str, fresh: bool = True, fingerprint: str = ""
    ) -> bool | None:
        comments = Comments(self.api)
        stamps = [marker, f"head:{head}", *([f"of:{fingerprint}"] if fingerprint else [])]
        begin = "\n".join(map(stamp, stamps)) + "\n"
        text = begin + fit(body)
        mine = comments.mine(number, marker)
        if self._late(mine, number, head):
            return False
        if mine:
            same = fingerprint and text_of(mine[0]).startswith(begin)
            comments.settle(mine, text_of(mine[0]) if same else text)
            return True
        if not fresh:
            return None
        made = comments.make(number, text, marker)
        others = [item for item in comments.mine(number, marker) if item["id"] != made["id"]]
        if self._late(others, number, head):
            comments.delete(made)
            return False
        comments.settle(sorted([*others, made], key=lambda item: int(item["id"])), text)
        return True

    def begin(self, number: int, note: str, *, marker: str, head: str) -> bool | None:
        """The note comes right below the marker, so that what is found there no longer begins as any verdict does:
        the next one is written whatever it says."""
        comments = Comments(self.api)
        mine = comments.mine(number, marker)
        if not mine:
            return None
        there = text_of(mine[0])
        bare, about = _NOTE.sub("", there, count=1), _HEAD.search(there)
        first, _, rest = bare.partition("\n")
        current = about is not None and about[1] == head
        text = bare if current else f"{first}\n{BEGUN}\n{note}\n{OLDER}\n{rest}"
        if text != there:
            if Pulls(self.api).raw(number)["head"]["sha"] != head:
                return False
            comments.settle(mine[:1], text)
        return None if current else True

    def _late(self, there: Sequence[Any], number: int, head: str) -> bool:
        """Whether a run for a newer commit has written one of these comments, or has put its note above it."""
        found = [match[1] for item in there if (match := _HEAD.search(item["body"] or ""))]
        other = [sha for sha in found if sha != head]
        noted = any(BEGUN in (item["body"] or "") for item in there)
        if not (other or noted) or Pulls(self.api).raw(number)["head"]["sha"] == head:
            return False
        return noted or not all(Branches(self.api).contains(head, sha) for sha in other)
