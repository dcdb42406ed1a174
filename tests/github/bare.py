"""A real bare repository, asked anew at each request: whoever pushes to it is seen at once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cI%x00%B"  # -z ends each commit with a NUL, too


class GitRefused(Exception):
    """Git said no; the text is its last line."""


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    name: str
    email: str
    date: str
    message: str


@dataclass(frozen=True)
class Bare:
    """One bare repository."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Bare:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
        bare = cls(path)
        bare.git("config", "http.receivepack", "true")
        bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
        return bare

    def git(self, *words: str, input: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        return self.raw(*words, input=input, env=env).decode("utf-8", "surrogateescape").strip("\n")

    def raw(self, *words: str, input: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        argv = ["git", "-C", str(self.path), *words]
        done = subprocess.run(argv, input=input, capture_output=True, env={**os.environ, **(env or {})})
        if done.returncode:
            raise GitRefused((done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason"])[-1])
        return done.stdout

    def holds(self, *words: str) -> bool:
        try:
            self.raw(*words)
        except GitRefused:
            return False
        return True

    def heads(self) -> dict[str, str]:
        """branch → SHA."""
        lines = self.git("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads").splitlines()
        return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}

    def tip(self, branch: str) -> str:
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        except GitRefused:
            return ""

    def resolve(self, name: str) -> str:
        """A branch or a commit's full SHA as a commit, '' for neither."""
        if found := self.tip(name):
            return found
        whole = len(name) == 40 and self.holds("cat-file", "-e", f"{name}^{{commit}}")
        return name if whole else ""

    def kind(self, sha: str) -> str:
        try:
            return self.git("cat-file", "-t", sha)
        except GitRefused:
            return ""

    def move(self, branch: str, new: str, old: str | None = None) -> None:
        """Move, make or (`new` all zeros) delete a branch; where `old` is given, only from there."""
        before = () if old is None else (old,)
        if set(new) == {"0"}:
            self.git("update-ref", "-d", f"refs/heads/{branch}", *before)
        else:
            self.git("update-ref", f"refs/heads/{branch}", new, *before)

    def commit(self, sha: str) -> Commit:
        return self.log("-1", sha)[0]

    def log(self, *words: str) -> list[Commit]:
        text = self.raw("log", "-z", f"--format={FORMAT}", *words, "--").decode("utf-8", "replace")
        parts = text.split("\0")
        return [_commit(*parts[start : start + 7]) for start in range(0, len(parts) - 1, 7)]

    def ancestor(self, older: str, newer: str) -> bool:
        return self.holds("merge-base", "--is-ancestor", older, newer)

    def merge_base(self, one: str, other: str) -> str:
        try:
            return self.git("merge-base", one, other)
        except GitRefused:
            return ""

    def new_commit(self, tree: str, parents: Sequence[str], message: str, who: tuple[str, str]) -> str:
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in zip(
            ("NAME", "EMAIL"), who, strict=True
        )}  # fmt: skip
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *words, input=message.encode(), env=env)

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", input=content)

    def tree(self, name: str) -> list[dict[str, Any]]:
        """The entries of a tree, one level."""
        lines = self.raw("ls-tree", "-l", "-z", name).decode("utf-8", "surrogateescape").split("\0")
        return [_entry(line) for line in lines if line]

    def new_tree(self, base: str, entries: Sequence[Mapping[str, Any]], index: Path) -> str:
        """A tree of `base` ('' for none) with entries laid over it; a `sha` of None deletes."""
        env = {"GIT_INDEX_FILE": str(index)}
        self.git("read-tree", *([base] if base else ["--empty"]), env=env)
        known = set(self.raw("ls-files", "-z", env=env).decode("utf-8", "surrogateescape").split("\0"))
        lines = b""
        for item in entries:
            sha = item["sha"] if "sha" in item else self.blob(item["content"].encode())
            if sha is None and item["path"] not in known:
                raise GitRefused("GitRPC::BadObjectState")
            mode = "0" if sha is None else item["mode"]
            lines += f"{mode} {sha or '0' * 40}\t{item['path']}\0".encode()
        self.git("update-index", "--replace", "-z", "--index-info", input=lines, env=env)
        return self.git("write-tree", env=env)

    def changed(self, old: str, new: str) -> list[tuple[str, str]]:
        """(status letter, path) of what differs between two commits."""
        words = self.raw("diff", "--name-status", "--no-renames", "-z", old, new).decode().split("\0")
        return list(zip(words[::2], words[1::2], strict=False))

    def merged(self, base: str, head: str) -> str:
        """The tree of both together, '' where they conflict."""
        try:
            return self.git("merge-tree", "--write-tree", "--no-messages", base, head)
        except GitRefused:
            return ""


def _commit(sha: str, tree: str, parents: str, name: str, email: str, date: str, message: str) -> Commit:
    return Commit(sha, tree, tuple(parents.split()), name, email, date, message.rstrip("\n"))


def _entry(line: str) -> dict[str, Any]:
    meta, _, path = line.partition("\t")
    mode, kind, sha, size = meta.split()
    entry: dict[str, Any] = {"path": path, "mode": mode, "type": kind, "sha": sha, "url": f"https://x/{sha}"}
    return entry if size == "-" else {**entry, "size": int(size)}
