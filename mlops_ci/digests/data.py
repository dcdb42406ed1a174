"""What names a data set that a judgement reads, with no byte of it at hand: git's blob, DVC's hash, or its recipe."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.digests.inputs import find_inputs
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.sources import Project
from mlops_ci.digests.stages import Stage
from mlops_ci.errors import PipelineError, did_you_mean

WILDCARD = re.compile(r"[*?\[]")
CREDENTIALS = re.compile(r"^([a-z0-9+.-]+://)[^/@]*@", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class DataNames:
    """Names data of one model. `directory` is its folder from the root, `pipeline` its dvc.yaml from there."""

    project: Project
    directory: str
    pipeline: str
    environment: str
    _recipes: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, data: str) -> Mapping[str, str]:
        """Content names by path for a file, folder or wildcard of the model's; a URL stands for itself.

        Where a stage writes the data, the inputs digest of that stage is its name: the same recipe, the same data.
        Raises PipelineError where nothing names it.
        """
        if "://" in data:
            return {_without_secrets(data): "url"}
        path = posixpath.normpath(posixpath.join(self.directory, data))
        if path.startswith(("/", "../")):
            raise PipelineError(
                f"'{data}' lies outside of the repository: nothing here names its content",
                hint=f"dvc import-url {data}, and name the file it brings",
            )
        found = dict(self._pattern(path) if WILDCARD.search(path) else self._plain(path))
        if found:
            return found
        raise PipelineError(
            f"'{path}' is in neither git nor DVC, and no stage writes it",
            hint=did_you_mean(path, self.project.files.ordered, f"dvc add {path}, then commit {path}.dvc"),
        )

    def _plain(self, path: str) -> Iterator[tuple[str, str]]:
        root = self.project.dvc_root(posixpath.join(self.directory, self.pipeline))
        written = self.project.outputs(root).around(path)
        for out, stage in written.items():
            yield out, f"recipe:{self._recipe(stage)}"
        if not any(is_inside(path, out) for out in written):
            yield from self.project.contents(root, path, without=written).items()

    def _pattern(self, path: str) -> Iterator[tuple[str, str]]:
        """Everything in the last folder before the wildcard that matches; data that DVC keeps as a folder, whole."""
        fixed = posixpath.dirname(path[: _first(path)])
        pattern = re.compile(_regex(path))
        for at, name in self._plain(fixed or "."):
            is_folder = not name.startswith(("git:", "link:"))
            if pattern.fullmatch(at) or (is_folder and (is_inside(fixed, at) or not posixpath.splitext(at)[1])):
                yield at, name

    def _recipe(self, stage: Stage) -> str:
        key = (stage.file, stage.name)
        if key not in self._recipes:
            self._recipes[key] = find_inputs(
                self.project,
                directory=self.directory,
                pipeline=posixpath.relpath(stage.file, self.directory or "."),
                target=stage.name,
                environment=self.environment,
            ).digest
        return self._recipes[key]


def _first(path: str) -> int:
    match = WILDCARD.search(path)
    return match.start() if match else len(path)


def _regex(glob: str) -> str:
    """A shell pattern; `**` also matches through folders."""
    parts: list[str] = []
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", glob):
        parts.append(_PIECES.get(piece) or (piece.replace("[!", "[^") if len(piece) > 1 else re.escape(piece)))
    return "".join(parts)


_PIECES: dict[Any, str] = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _without_secrets(url: str) -> str:
    """A URL without user, password and query; of a file database the name alone, since its place is the machine's."""
    plain = CREDENTIALS.sub(r"\1", url).split("?", 1)[0]
    scheme, _, rest = plain.partition("://")
    return f"{scheme}://{posixpath.basename(rest)}" if rest.startswith("/") else plain
