"""`.dvcignore`: what DVC does not see, by git's own rules for ignore files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.digests.tree import Tree


@dataclass(frozen=True)
class Rule:
    """One line: a pattern on paths below `folder`."""

    folder: str
    pattern: re.Pattern[str]
    keep: bool
    folders_only: bool


class Ignored:
    """The rules of the `.dvcignore` files that are named; a deeper one comes after those around it."""

    def __init__(self, tree: Tree, files: Sequence[str]) -> None:
        names = sorted(files, key=lambda name: name.count("/"))
        tree.prefetch(names)
        self.rules = [rule for name in names for rule in _rules(tree.read(name), posixpath.dirname(name))]
        self._folders: dict[str, bool] = {"": False}

    def __contains__(self, path: str) -> bool:
        return bool(self.rules) and (self._folder(posixpath.dirname(path)) or self._matches(path, folder=False))

    def _folder(self, path: str) -> bool:
        """A folder that is ignored hides everything below it, whatever a later rule says."""
        if path not in self._folders:
            self._folders[path] = self._folder(posixpath.dirname(path)) or self._matches(path, folder=True)
        return self._folders[path]

    def _matches(self, path: str, *, folder: bool) -> bool:
        for rule in reversed(self.rules):
            inside = f"{rule.folder}/" if rule.folder else ""
            applies = path.startswith(inside) and (folder or not rule.folders_only)
            if applies and rule.pattern.fullmatch(path[len(inside) :]):
                return not rule.keep
        return False


def _rules(content: bytes, folder: str) -> list[Rule]:
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        text = re.sub(r"(?<!\\)\s+$", "", line)
        if not text or text.startswith("#"):
            continue
        keep = text.startswith("!")
        text = text[1:] if keep else text
        folders_only = text.endswith("/")
        text = text.rstrip("/")
        anchored = "/" in text
        if not text:
            continue
        pattern = regex(text.removeprefix("/"))
        found.append(Rule(folder, re.compile(pattern if anchored else rf"(?:.*/)?{pattern}"), keep, folders_only))
    return found


PART = re.compile(r"(?:^|(?<=/))\*\*/|/\*\*$|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)


def regex(glob: str) -> str:
    """A glob of an ignore file as a regular expression on a path."""
    parts = []
    for sign in PART.findall(glob):
        if sign == "**/":
            parts.append("(?:.*/)?")
        elif sign == "/**":
            parts.append("/.+")
        elif sign.startswith("*"):
            parts.append("[^/]*")
        elif sign == "?":
            parts.append("[^/]")
        elif sign.startswith("[") and len(sign) > 2:
            body = sign[1:-1].replace("\\", "\\\\")
            parts.append("[" + ("^" + body[1:] if body[0] in "!^" else body) + "]")
        else:
            parts.append(re.escape(sign[1:] if sign.startswith("\\") and len(sign) > 1 else sign))
    return "".join(parts)
