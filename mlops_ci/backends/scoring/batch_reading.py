"""Reads the rows of a part, a batch at a time, as the model is given them. Loaded in the user's environment."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any


class Batch:
    """Some rows of a row group: the model's `frame`, and the `kept` columns. `first` and `group` are for messages."""

    def __init__(self, part: Any, group: int, first: int, frame: Any, kept: Any) -> None:
        self.part = part
        self.group = group
        self.first = first
        self.frame = frame
        self.kept = kept

    def place(self, row: Any = None) -> str:
        """Where the rows are, or one of them, for a person; both ends count, from 1."""
        group = f"{self.part['file']['name']}, row group {self.group + 1}"
        if row is not None:
            return f"{group}, row {self.first + row + 1:,}"
        return f"{group}, rows {self.first + 1:,} to {self.first + len(self.frame):,}"


class Codes:
    """The categories of a file, whole: some models look at the codes, which must be the same in every batch."""

    def __init__(self, file: Any, columns: Any) -> None:
        import pyarrow

        self.known = {}
        schema = file.schema_arrow
        for name in columns:
            if name in schema.names and pyarrow.types.is_dictionary(schema.field(name).type):
                self.known[name] = self._categories(file, name)

    def _categories(self, file: Any, name: str) -> Any:
        import pyarrow

        found = pyarrow.chunked_array([], type=file.schema_arrow.field(name).type.value_type)
        for group in range(file.num_row_groups):
            for chunk in file.read_row_group(group, columns=[name]).column(name).chunks:
                found = pyarrow.chunked_array([*found.chunks, chunk.dictionary.cast(found.type)]).unique()
                found = pyarrow.chunked_array([found])
        return found.combine_chunks()

    def recoded(self, name: str, column: Any) -> Any:
        """The column with the file's categories."""
        import pyarrow
        from pyarrow import compute

        if name not in self.known:
            return column
        categories = self.known[name]
        plain = column.cast(categories.type)
        return pyarrow.DictionaryArray.from_arrays(compute.index_in(plain, value_set=categories), categories)


def kept_schema(job: Any) -> Any:
    """The kept columns in the types that all files share."""
    import pyarrow

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(job["kept"])))


def batches(part: Any, file: Any, codes: Any, kept: Any, rows: int, model: Any) -> Iterator[Batch]:
    """The rows of a part, a row group at a time."""
    described = part["file"]
    wanted = list(dict.fromkeys([*described["columns"], *kept.names]))
    stored = [name for name in wanted if name in described["names"]]
    for group in part["groups"]:
        first = 0
        for piece in file.iter_batches(batch_size=rows, row_groups=[group], columns=stored):
            columns = {name: column_of(piece, name, described) for name in wanted}
            inputs = {name: codes.recoded(name, columns[name]) for name in described["columns"]}
            try:
                frame = model.frame(inputs, piece.num_rows)
                carried = {field.name: columns[field.name].cast(field.type) for field in kept}
            except Exception as error:
                batch = Batch(part, group, first, piece, None)
                error.place = batch.place(getattr(error, "row", None))  # type: ignore[attr-defined]
                raise
            yield Batch(part, group, first, frame, carried)
            first += piece.num_rows


def column_of(piece: Any, name: str, described: Any) -> Any:
    """A column of the file, or the value that the names of its folders give."""
    import pyarrow

    if name in described["names"]:
        return piece.column(piece.schema.names.index(name))
    return pyarrow.repeat(pyarrow.scalar(described["partition"][name], pyarrow.string()), piece.num_rows)
