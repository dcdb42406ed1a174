"""Production's rows in a database beside a reference: counted there; only samples, and rows with their truth, come."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mlops_ci.backends.scoring import batch_input
from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.duck_labels import MOST, PROBABILITY
from mlops_ci.backends.watch.duck_sample import Sample
from mlops_ci.backends.watch.duck_watched import TOLERANCE, DuckWatched
from mlops_ci.backends.watch.sql_dialect import quoted
from mlops_ci.backends.watch.sql_rows import SqlRows
from mlops_ci.backends.watch.window_compare import DIGEST, Beside
from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Drift
from mlops_ci.errors import DataError, did_you_mean
from mlops_ci.ports.drift import Compared, Labelled, Rules
from mlops_ci.records.drift import Window
from mlops_ci.records.reference import Reference
from mlops_ci.records.scoring import InputFile

DOCS = "drift.md#windows"


@dataclass(frozen=True, kw_only=True)
class SqlWatched:
    """Keeps the Watched port. `bring` writes what a query answers into a folder, as Parquet; it lies in `folder` for as
    long as it is looked at. `reach` is how many seconds before the newest row are looked at, 0 for all; `now` is in
    seconds since 1970."""

    bring: Callable[[str, Path], list[InputFile]]
    everything: SqlRows
    drift: Drift
    reference: Reference
    sample: Path
    labels: tuple[InputFile, ...]
    folder: Path
    now: float
    reach: float
    notes: tuple[str, ...] = ()
    unread: int = 0

    @property
    def _clock(self) -> str:
        name, known = self.drift.time, self.everything.dtypes
        if name not in known:
            hint = did_you_mean(name, known, f"columns: {', '.join(list(known)[:20])}")
            raise DataError(f"the rows have no column '{name}' (drift.time)", hint=hint, docs=DOCS)
        return self.everything.clock

    def _when(self, sign: str, moment: float) -> str:
        """A condition on a row's time, in the column's own type where it has one."""
        dtype = self.everything.dtypes.get(self.drift.time, "")
        own = self.everything.dialect.moment(moment, dtype)
        column = f"data.{quoted(self.drift.time)}"
        return f"{column} {sign} {own}" if own else f"{self._clock} {sign} ({moment!r})"

    @cached_property
    def _latest(self) -> float | None:
        """The newest time that is not ahead of the clock."""
        rows = self.everything.only(self._when("<=", self.now + TOLERANCE))
        found = rows.asked(f"SELECT max({self._clock}) FROM {rows.relation}")[0][0]
        return None if found is None else float(found)

    def newest(self) -> str:
        return "" if self._latest is None else duck.iso(self._latest)

    def written(self) -> float:
        """Rows have times."""
        return 0.0

    def windows(self) -> Sequence[Window]:
        """Lengths of time: a database has no files, and its rows no order."""
        if self._latest is None:
            return []
        length, rows = seconds(self.drift.window), self.everything.only(self._when("<=", self.now + TOLERANCE))
        if self.reach:
            rows = rows.only(self._when(">=", (self._latest - self.reach) // length * length))
        place = rows.dialect.floor(f"{self._clock} / {length!r}")
        places = f"SELECT DISTINCT {place} AS w FROM {rows.relation}"
        found = sorted(int(row[0]) for row in rows.asked(places) if row[0] is not None)
        ends = [(place * length, (place + 1) * length) for place in found]
        return [Window(name=duck.iso(begin), begin=begin, end=end) for begin, end in ends if end <= self.now]

    def _within(self, window: Window) -> str:
        return f"{self._when('>=', window.begin)} AND {self._when('<', window.end)}"

    def _rows_of(self, window: Window) -> SqlRows:
        return self.everything.only(self._within(window))

    @cached_property
    def _ahead(self) -> int:
        return self.everything.only(self._when(">", self.now + TOLERANCE)).rows

    def compare(self, window: Window, rules: Rules) -> Compared:
        """One pass a column, in the database; the reference's sample is here."""
        with duck.connected(self.folder / "spill") as connection:
            sample = Sample(connection=connection, relation=f"read_parquet({duck.text(str(self.sample))})")
            beside = Beside(drift=self.drift, reference=self.reference, sample=sample)
            return beside.compare(self._rows_of(window), rules, future=self._ahead)

    def shuffled(self, windows: Sequence[Window], rules: Rules, *, rows: int, seed: int) -> Compared:
        """The drawn rows come here."""
        either = " OR ".join(f"({self._within(window)})" for window in windows)
        some = self.everything.only(f"({either})")
        with self._brought(some, list(some.names), most=rows, seed=seed) as (watched, window):
            return watched.compare(window, rules)

    def sampled(self, window: Window, into: Path, *, rows: int, seed: int) -> int:
        some = self._rows_of(window)
        wanted = {item.name for item in self.reference.columns} | self._answers(some)
        names = [name for name in some.names if name in wanted]
        with self._brought(some, names, most=rows, seed=seed) as (watched, brought):
            return watched.sampled(brought, into, rows=rows, seed=seed)

    def labelled(self, window: Window, *, task: str, label: str, positive: str, group: str) -> Labelled | str:
        """The label is joined by key here, or a column of the rows."""
        some = self._rows_of(window)
        wanted = {label, group, self.drift.labels.key, DIGEST, *self._answers(some)}
        names = [name for name in some.names if name in wanted]
        if not names:
            return "the rows hold no predictions"
        with self._brought(some, names, most=MOST, seed=self.drift.seed) as (watched, brought):
            found = watched.labelled(brought, task=task, label=label, positive=positive, group=group)
        return found if isinstance(found, str) else replace(found, rows=some.rows)

    def _answers(self, rows: SqlRows) -> set[str]:
        """The columns that hold what models answered."""
        ours = {f"mlops_{name}" for name in self.reference.predictions}
        asked = {self.drift.prediction, *self.reference.predictions, *ours}
        return {name for name in rows.names if name in asked or name.startswith(PROBABILITY)}

    @contextmanager
    def _brought(
        self, rows: SqlRows, names: list[str], *, most: int, seed: int
    ) -> Iterator[tuple[DuckWatched, Window]]:
        """Some rows as Parquet beside the reference, and the window that has them all."""
        place = self.folder / "answers"
        shutil.rmtree(place, ignore_errors=True)
        brought = self.bring(rows.drawn(names, most=most, seed=seed), place)
        files = [file for file, _ in batch_input.footers(brought, {})]
        count = sum(file.rows for file in files)
        try:
            with duck.connected(self.folder / "spill") as connection:
                watched = DuckWatched(
                    connection=connection,
                    drift=replace(self.drift, window=f"{count} rows"),
                    reference=self.reference,
                    sample=self.sample,
                    files=tuple(files),
                    labels=self.labels,
                    now=self.now,
                )
                yield watched, Window(name="", end=float(count))
        finally:
            shutil.rmtree(place, ignore_errors=True)
