"""Where predictions go: a folder of parts with a manifest, or one file that is made of them at the end.

What is done is read from the parts themselves: each carries in its metadata the digest of the plan that it belongs to.
The manifest only says which plan a folder is for, and whether it is complete.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.scoring import batch_files
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.io import files
from mlops_ci.ports.batch import Plan
from mlops_ci.records.scoring import Part

MANIFEST = "_mlops_ci.json"
LOCK = "_mlops_ci.lock"
NEW = ".new"
EMPTY = "part-00000-00000.parquet"  # what is written where there are no rows at all
FOOTERS = 8
DOCS = "score.md#what-is-written"


def open_output(place: str, *, directory: Path, scratch: Path, environ: Mapping[str, str]) -> FileOutput:
    """An output of this name; nothing is touched yet. Raises UsageError for what is neither folder nor Parquet file."""
    name = place.rstrip("/")
    if not name or ("://" in name and not name.startswith(batch_files.S3)):
        raise UsageError(f"'{place}' is no place to write to", hint="a folder, a .parquet file, or s3://…", docs=DOCS)
    if name.endswith((".csv", ".csv.gz", ".tsv", ".json")):
        raise UsageError(
            f"'{place}': predictions are written as Parquet", hint="name a folder or a .parquet file", docs=DOCS
        )
    whole = name if name.startswith(batch_files.S3) else str(directory / name)
    return FileOutput(name=name, place=whole, scratch=scratch, environ=environ)


@dataclass(frozen=True, kw_only=True)
class FileOutput:
    """Keeps the BatchOutput port. `scratch` is a folder of this machine, of this output alone."""

    name: str
    place: str
    scratch: Path
    environ: Mapping[str, str]

    @property
    def single(self) -> bool:
        """Whether it is one file; its parts lie beside until all are there."""
        return self.place.endswith((".parquet", ".pq"))

    @property
    def folder(self) -> str:
        """Where the parts are."""
        parent, _, name = self.place.rpartition("/")
        return f"{parent}/.{name}.parts" if self.single else self.place

    @property
    def far(self) -> bool:
        """Whether it is in S3."""
        return self.place.startswith(batch_files.S3)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """A lock in the folder; for S3 in this checkout."""
        path = (self.scratch if self.far else Path(self.folder)) / LOCK
        existed = path.parent.exists()
        with files.lock(path, busy=f"another mlops-ci score is writing to {self.name}"):
            try:
                yield
            finally:
                if not existed and [item.name for item in path.parent.glob("*")] == [LOCK]:
                    shutil.rmtree(path.parent, ignore_errors=True)  # nothing was written: leave nothing

    def done(self, plan: Plan, *, overwrite: bool) -> frozenset[str]:
        """Look at what is there."""
        if self.single and (notes := self._notes(self.place)) is not None:
            if notes.get("mlops_ci.plan") == plan.digest:
                return frozenset(part.name for part in plan.parts)
            if not overwrite:
                raise self._other(notes)
        names = self._names()
        manifest = self._manifest()
        if manifest is None:
            self._require_empty(names)
            return frozenset()
        if manifest.get("plan") != plan.digest:
            if not overwrite:
                raise self._other(manifest.get("notes", {}))
            return frozenset()
        there = [part for part in plan.parts if part.name in names]
        with ThreadPoolExecutor(FOOTERS) as pool:
            whole = list(pool.map(lambda part: self._is_whole(part, plan), there))
        return frozenset(part.name for part, good in zip(there, whole, strict=True) if good)

    def begin(self, plan: Plan, *, overwrite: bool) -> None:
        """The manifest first: what is in the folder is never without it."""
        manifest = self._manifest()
        if manifest is not None and manifest.get("plan") == plan.digest:
            self._remove(name for name in self._names() if name.endswith(NEW))
            return
        earlier = manifest.get("parts", []) if manifest and overwrite else []
        self._remove(name for name in self._names() if name in earlier or name.endswith(NEW))
        self._write_manifest(plan, complete=False)

    def place_of(self, part: Part) -> tuple[str, str]:
        """Far parts are made on this machine, and go up whole."""
        place = f"{self.folder}/{part.name}"
        return (str(self.scratch / part.name) if self.far else f"{self.folder}/.{part.name}{NEW}"), place

    def finish(self, plan: Plan, *, schema: str) -> None:
        """One file: its parts one after the other, then they go."""
        if not plan.parts:
            self._put(plan, f"{self.folder}/{EMPTY}", [], schema)
        if not self.single:
            self._write_manifest(plan, complete=True)
            return
        places = [f"{self.folder}/{part.name}" for part in plan.parts] or [f"{self.folder}/{EMPTY}"]
        self._put(plan, self.place, places, schema)
        self._remove([*self._names(), MANIFEST])
        if not self.far:
            shutil.rmtree(self.folder, ignore_errors=True)

    def complete(self, plan: Plan) -> bool:
        """Whether nothing is left to do, the last step included."""
        if self.single:
            return (self._notes(self.place) or {}).get("mlops_ci.plan") == plan.digest
        manifest = self._manifest() or {}
        return manifest.get("plan") == plan.digest and bool(manifest.get("complete"))

    def _put(self, plan: Plan, place: str, parts: Sequence[str], schema: str) -> None:
        """Parts as one file, whole or not at all."""
        from pyarrow import ArrowException, parquet

        beside = self.scratch / "whole" if self.far else Path(f"{place}{NEW}")
        beside = beside.with_name(f".{beside.name}")
        try:
            with contextlib.ExitStack() as stack:
                writer: Any = None
                for part in parts:
                    opened = stack.enter_context(batch_files.open_parquet(part, self.environ))
                    if writer is None:
                        kept = {key: value for key, value in opened.schema_arrow.metadata.items() if key in LASTING}
                        found = opened.schema_arrow.with_metadata({**kept, **_encoded(plan.notes)})
                        writer = stack.enter_context(parquet.ParquetWriter(beside, found, compression="zstd"))
                    for group in range(opened.num_row_groups):
                        writer.write_table(opened.read_row_group(group).cast(writer.schema))
                    opened.close()
            if not parts:
                parquet.write_table(_empty(schema, plan), beside)
            batch_files.put(str(beside), place, self.environ)
        except (OSError, ArrowException) as error:
            beside.unlink(missing_ok=True)
            raise self._failed(error) from error

    def _is_whole(self, part: Part, plan: Plan) -> bool:
        notes = self._notes(f"{self.folder}/{part.name}")
        wanted = {"mlops_ci.plan": plan.digest, "mlops_ci.part": part.name, "mlops_ci.rows": str(part.rows)}
        return notes is not None and wanted.items() <= notes.items()

    def _notes(self, place: str) -> dict[str, str] | None:
        """The metadata of a Parquet file, None where there is no file; {} for what is none of ours."""
        from pyarrow import ArrowException

        try:
            with batch_files.open_parquet(place, self.environ) as opened:
                found = opened.schema_arrow.metadata or {}
        except FileNotFoundError:
            return None
        except (OSError, ArrowException):
            return {}
        return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in found.items()}

    def _names(self) -> frozenset[str]:
        """The files in the folder."""
        from pyarrow import ArrowException, fs

        try:
            system, path = batch_files.system(self.folder, self.environ)
            found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        except NotADirectoryError:
            raise UsageError(f"{self.name} is a file", hint="name a folder or a .parquet file", docs=DOCS) from None
        except (OSError, ArrowException) as error:
            raise self._failed(error) from error
        return frozenset(item.base_name for item in found) - {LOCK, MANIFEST, ""}

    def _manifest(self) -> dict[str, Any] | None:
        from pyarrow import ArrowException

        try:
            system, path = batch_files.system(f"{self.folder}/{MANIFEST}", self.environ)
            with system.open_input_stream(path) as stream:
                found = json.loads(stream.read())
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        except (OSError, ArrowException) as error:
            raise self._failed(error) from error
        return found if isinstance(found, dict) else {}

    def _write_manifest(self, plan: Plan, *, complete: bool) -> None:
        parts = [part.name for part in plan.parts] or [EMPTY]
        told = {"version": 1, "plan": plan.digest, "complete": complete, "rows": plan.rows, "notes": dict(plan.notes)}
        local = self.scratch / MANIFEST if self.far else Path(self.folder) / MANIFEST
        files.write_json(local, {**told, **plan.document, "parts": parts})
        if self.far:
            batch_files.put(str(local), f"{self.folder}/{MANIFEST}", self.environ)

    def _remove(self, names: Iterator[str] | Sequence[str]) -> None:
        system, path = batch_files.system(self.folder, self.environ)
        for name in list(names):
            with contextlib.suppress(FileNotFoundError):
                system.delete_file(f"{path}/{name}")

    def _require_empty(self, names: frozenset[str]) -> None:
        """What somebody else put there is not ours to mix with, nor to remove."""
        if not self.single and (others := sorted(name for name in names if not name.endswith(NEW))):
            raise UsageError(
                f"{self.name} holds files that mlops-ci did not write: {', '.join(others[:3])}",
                hint="name an empty folder, or one that is not there",
                docs=DOCS,
            )

    def _other(self, notes: Mapping[str, str]) -> UsageError:
        digest = notes.get("mlops_ci.model_digest", "")[:12]
        version = notes.get("mlops_ci.version")
        what = f"predictions of other rows, or of another release (version {version}, model {digest})"
        return UsageError(
            f"{self.name} holds {what if digest else 'what mlops-ci score did not write'}",
            hint="name another output, or replace it: --overwrite",
            docs=DOCS,
        )

    def _failed(self, error: BaseException) -> BackendError:
        if isinstance(error, OSError) and files.is_full(error):
            return files.disk_error(error)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return BackendError(f"{self.name}: {first}", hint="is the place right, and may it be written to?")


LASTING = (b"mlops_ci.classes",)


def _encoded(notes: Mapping[str, str]) -> dict[bytes, bytes]:
    return {key.encode(): value.encode() for key, value in notes.items()}


def _empty(schema: str, plan: Plan) -> Any:
    """A table without rows: the kept columns, and predictions of no type."""
    import base64

    import pyarrow

    kept = pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(schema)))
    full = kept.append(pyarrow.field("prediction", pyarrow.null()))
    return full.with_metadata({**_encoded(plan.notes), b"mlops_ci.rows": b"0"}).empty_table()
