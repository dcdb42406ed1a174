"""How git is called: no pager, no prompt, no lock, no monitor, in plain English, and about the folder it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import process

QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
    "LANGUAGE": "",
}
# A git hook that calls us has these set; they would make git answer about the hook's repository, index or prefix.
ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_LITERAL_PATHSPECS",
)
# The monitor is a program of the repository's settings, run by `status`; we never need it.
SETTINGS = ("-c", "core.fsmonitor=false", "-c", "core.quotepath=false")


def run(directory: Path, *words: str) -> process.Completed:
    """Ask git something; the caller reads the exit code. Standard output must be text."""
    return process.run(["git", *SETTINGS, *words], cwd=directory, env=environ())


def output(directory: Path, *words: str, input: bytes = b"") -> bytes:
    """What git prints, as bytes. Raises BackendError with git's last words where it fails."""
    try:
        return process.run_bytes(["git", *SETTINGS, *words], cwd=directory, env=environ(), input=input)
    except BackendError as error:
        reason = error.message.strip().splitlines()[-1:] or ["no reason given"]
        raise BackendError(
            f"git {words[0]} failed: {reason[0].removeprefix('git failed: ')}",
            hint="'git fsck' tells whether the repository is whole",
        ) from None


def records(directory: Path, *words: str) -> list[str]:
    """NUL-separated output. Bytes that are not UTF-8 survive as surrogates, so that no path is lost or doubled."""
    return [text(item) for item in output(directory, *words).split(b"\0") if item]


def objects(root: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The content of blobs by name, with one process. Raises BackendError where one is missing."""
    stream = output(root, "cat-file", "--batch", input=lines(names))
    found: dict[str, bytes] = {}
    at = 0
    for name in names:
        end = stream.index(b"\n", at)
        words = stream[at:end].split()
        if len(words) != 3:
            raise BackendError(
                f"git has no content for object {name}",
                hint="git fetch --refetch (a partial clone that is offline?), or 'git fsck'",
            )
        size = int(words[2])
        found[name] = stream[end + 1 : end + 1 + size]
        at = end + 2 + size
    return found


def hashes(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """The names git would give files on disk, after its clean filters, with one process where it can be."""
    # git reads a line that begins with a quote as a quoted name, and a newline ends a line.
    odd = [path for path in paths if path.startswith('"') or "\n" in path or path.endswith("\r")]
    plain = sorted(set(paths).difference(odd))
    names = output(root, "hash-object", "--stdin-paths", input=lines(plain)).split() if plain else []
    found = {path: name.decode() for path, name in zip(plain, names, strict=True)}
    for path in odd:
        found[path] = output(root, "hash-object", "--", path).decode().strip()
    return found


def hash_text(root: Path, content: bytes) -> str:
    """The name git would give these bytes as they are."""
    return output(root, "hash-object", "--stdin", "--no-filters", input=content).decode().strip()


def lines(items: Iterable[str]) -> bytes:
    """One item a line, paths as the file system knows them."""
    return b"".join(item.encode("utf-8", "surrogateescape") + b"\n" for item in items)


def text(item: bytes) -> str:
    """A path as text that turns back into the same bytes."""
    return item.decode("utf-8", "surrogateescape")


def environ() -> dict[str, str]:
    """The environment git runs in."""
    return {**{k: v for k, v in process.inherited().items() if k not in ELSEWHERE}, **QUIET}
