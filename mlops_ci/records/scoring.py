"""Batch scoring: what is read, in which pieces, and what came out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One Parquet file to be scored. `place` is where it is read, `name` how a person knows it; `size` in bytes and
    `stamp` (a time of change, an ETag or a digest) say which content it had. `groups` are the rows of each row group;
    `partition` the columns that the names of its folders give."""

    place: str
    name: str
    size: int
    stamp: str
    names: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    partition: dict[str, str | None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all row groups."""
        return sum(self.groups)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some row groups of one file (`of` is its place among the files), scored and written together."""

    name: str
    of: int
    groups: tuple[int, ...]
    rows: int


@dataclass(frozen=True, kw_only=True)
class ScoreDetails:
    """The details of a `score` result. Seconds are of reading, predicting and writing together, without preparing;
    `model_memory_mb` is the scoring process's resident peak once the model was loaded, `peak_memory_mb` at the end."""

    model_digest: str
    version: str
    run_id: str
    input: str
    output: str
    plan: str
    rows: int
    parts: int
    skipped_parts: int
    files: int
    seconds: float = 0.0
    rows_per_second: float = 0.0
    load_seconds: float = 0.0
    model_memory_mb: float | None = None
    peak_memory_mb: float | None = None
    python: str = ""
