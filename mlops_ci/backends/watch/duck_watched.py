"""Rows of production beside a reference, in DuckDB: windows, all rows compared, samples, and rows with their truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.duck_labels import labelled
from mlops_ci.backends.watch.duck_rows import DuckRows
from mlops_ci.backends.watch.duck_sample import Sample
from mlops_ci.backends.watch.window_compare import Beside, stored_answer
from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Drift
from mlops_ci.errors import DataError, did_you_mean
from mlops_ci.ports.drift import Compared, Labelled, Rules
from mlops_ci.records.drift import Window
from mlops_ci.records.reference import NUMBER, Reference
from mlops_ci.records.scoring import InputFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TOLERANCE = 3600.0  # seconds that a clock may be ahead


@dataclass(frozen=True, kw_only=True)
class DuckWatched:
    """Keeps the Watched port. `files` have their row groups' rows; `now` is in seconds since 1970."""

    connection: DuckDBPyConnection
    drift: Drift
    reference: Reference
    sample: Path
    files: tuple[InputFile, ...]
    labels: tuple[InputFile, ...]
    now: float
    notes: tuple[str, ...] = ()
    unread: int = 0

    @cached_property
    def whole(self) -> str:
        """All rows as one relation."""
        return duck.parquet([file.place for file in self.files])

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """column → type, over all files."""
        return duck.columns_of(self.connection, self.whole)

    @cached_property
    def clock(self) -> str:
        """The time of a row in SQL, in seconds since 1970; '' where rows have none. Raises DataError."""
        name = self.drift.time
        if not name:
            return ""
        if name not in self.dtypes:
            hint = did_you_mean(name, self.dtypes, f"columns: {', '.join(list(self.dtypes)[:20])}")
            raise DataError(f"the rows have no column '{name}' (drift.time)", hint=hint, docs="drift.md#windows")
        if duck.kind_of(self.dtypes[name]) == NUMBER:
            return f"CAST({duck.quoted(name)} AS DOUBLE)"
        return f"epoch(TRY_CAST({duck.quoted(name)} AS TIMESTAMPTZ))"  # an offset from UTC is heeded

    def windows(self) -> Sequence[Window]:
        """By the config's word."""
        kind = self.drift.window
        if kind == "file":
            return [Window(name=file.name) for file in self.files]
        if kind.endswith(" rows"):
            return list(self._of_rows(int(kind.removesuffix(" rows"))))
        return list(self._of_time(seconds(kind)))

    def _of_rows(self, size: int) -> Iterator[Window]:
        """Counted through the files in the order of their names; what is left at the end is no whole window yet."""
        for begin in range(0, sum(file.rows for file in self.files) - size + 1, size):
            yield Window(name=f"rows {begin + 1} to {begin + size}", begin=float(begin), end=float(begin + size))

    def _of_time(self, length: float) -> Iterator[Window]:
        query = f"SELECT CAST(floor({self.clock} / {length!r}) AS BIGINT) AS w, count(*) FROM {self.whole} GROUP BY w"
        found = sorted(row[0] for row in self.connection.execute(query).fetchall() if row[0] is not None)
        for place in found:
            begin, end = place * length, (place + 1) * length
            if end <= self.now:
                yield Window(name=duck.iso(begin), begin=begin, end=end)

    @cached_property
    def _latest(self) -> float | None:
        """The newest time that is not ahead of the clock."""
        if not self.clock:
            return None
        query = f"SELECT max(t) FROM (SELECT {self.clock} AS t FROM {self.whole}) WHERE t <= {self.now + TOLERANCE!r}"
        found = duck.one(self.connection, query)[0]
        return None if found is None else float(found)

    def newest(self) -> str:
        """Rows from the future do not count: they would hide that no others come."""
        return "" if self._latest is None else duck.iso(self._latest)

    def written(self) -> float:
        """A file's stamp is the time of its last change, in nanoseconds."""
        return max((int(file.stamp) / 1e9 for file in self.files if file.stamp.isdigit()), default=0.0)

    def _rows_of(self, window: Window) -> str:
        """A window as a relation."""
        kind = self.drift.window
        if kind == "file":
            return duck.parquet([next(file.place for file in self.files if file.name == window.name)])
        if kind.endswith(" rows"):
            return self._counted(int(window.begin), int(window.end))
        return f"(SELECT * FROM {self.whole} WHERE {self._between(window)})"

    def _between(self, window: Window) -> str:
        """Written so that row groups of other times are not read."""
        name, dtype = duck.quoted(self.drift.time), self.dtypes[self.drift.time]
        if dtype in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            ends = [f"to_timestamp({end!r})" for end in (window.begin, window.end)]
            if dtype == "TIMESTAMP":
                ends = [f"make_timestamp({int(end * 1e6)})" for end in (window.begin, window.end)]
            return f"{name} >= {ends[0]} AND {name} < {ends[1]}"
        return f"{self.clock} >= {window.begin!r} AND {self.clock} < {window.end!r}"

    def _counted(self, begin: int, end: int) -> str:
        """Rows by their place: only the files that hold some of them are read."""
        ends = list(accumulate(file.rows for file in self.files))
        starts = [0, *ends]
        some = [place for place in range(len(ends)) if starts[place] < end and ends[place] > begin]
        relation = duck.parquet([self.files[place].place for place in some])
        offsets = ", ".join(str(starts[place]) for place in some)
        place = f"[{offsets}][{duck.FILE}] + {duck.ROW}"
        return f"(SELECT * FROM {relation} WHERE {place} >= {begin} AND {place} < {end})"

    def compare(self, window: Window, rules: Rules) -> Compared:
        """One pass a column, of that column alone."""
        return self._compared(self._rows_of(window), rules)

    def _compared(self, relation: str, rules: Rules) -> Compared:
        rows = DuckRows(connection=self.connection, relation=relation, clock=self.clock)
        return self.beside.compare(rows, rules, future=self._ahead)

    @cached_property
    def beside(self) -> Beside:
        """What windows are held against."""
        sample = Sample(connection=self.connection, relation=f"read_parquet({duck.text(str(self.sample))})")
        return Beside(drift=self.drift, reference=self.reference, sample=sample)

    def shuffled(self, windows: Sequence[Window], rules: Rules, *, rows: int, seed: int) -> Compared:
        """Drawn once into a table of its own: a sample that is asked for again and again costs a scan each time."""
        parts = " UNION ALL BY NAME ".join(
            f"SELECT *, {place} AS mlops_ci_part FROM {self._rows_of(window)}" for place, window in enumerate(windows)
        )
        count = int(duck.one(self.connection, f"SELECT count(*) FROM ({parts})")[0])
        bound = int(min(1.0, rows / max(1, count)) * (2**64 - 1))
        chance = f"hash(mlops_ci_part, {duck.FILE}, {duck.ROW}, {seed}) <= {bound}::UBIGINT"
        drawn = f"SELECT * EXCLUDE (mlops_ci_part) FROM ({parts}) WHERE {chance}"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE shuffled AS {drawn}").fetchall()
        return self._compared("shuffled", rules)

    @cached_property
    def _ahead(self) -> int:
        if not self.clock:
            return 0
        query = f"SELECT count(*) FROM {self.whole} WHERE {self.clock} > {self.now + TOLERANCE!r}"
        return int(duck.one(self.connection, query)[0])

    def sampled(self, window: Window, into: Path, *, rows: int, seed: int) -> int:
        """Both sides as doubles and texts, whatever they are stored as."""
        relation = self._rows_of(window)
        dtypes = duck.columns_of(self.connection, relation)
        stored = duck.columns_of(self.connection, f"read_parquet({duck.text(str(self.sample))})")
        every = DuckRows(connection=self.connection, relation=relation)
        pairs = [(item.name, item.name, item.kind) for item in self.beside.watched if item.name in dtypes]
        for name in self.reference.predictions:
            column = self.beside.prediction_column(name, list(dtypes))
            if column and (answer := stored_answer(every, column, self.beside.sample, name)):
                pairs.append((answer, column, duck.kind_of(stored[answer])))
        pairs = [pair for pair in pairs if pair[2] in ("number", "category")]
        count = int(duck.one(self.connection, f"SELECT count(*) FROM {relation}")[0])
        drawn = duck.drawn(relation, rows=count, most=rows, seed=seed)
        then = [f"{_plain(old, stored[old], stored[old], kind)} AS {duck.quoted(new)}" for old, new, kind in pairs]
        now = [f"{_plain(new, dtypes[new], stored[old], kind)} AS {duck.quoted(new)}" for old, new, kind in pairs]
        reference = f"read_parquet({duck.text(str(self.sample))})"
        into.mkdir(parents=True, exist_ok=True)
        for name, columns, source in (("reference", then, reference), ("window", now, drawn)):
            target = duck.text(str(into / f"{name}.parquet"))
            self.connection.execute(
                f"COPY (SELECT {', '.join(columns)} FROM {source}) TO {target} (FORMAT parquet)"
            ).fetchall()
        return min(count, rows)

    def labelled(self, window: Window, *, task: str, label: str, positive: str, group: str) -> Labelled | str:
        """The label is joined by key, or a column of the rows."""
        return labelled(self, self._rows_of(window), task=task, label=label, positive=positive, group=group)


def _plain(name: str, dtype: str, reference: str, kind: str) -> str:
    return duck.number(name, dtype) if kind == NUMBER else duck.category(name, dtype, reference)
