"""Rows of a window with their truth: joined by key, or from the rows themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.scoring import row_hash
from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.window_compare import DIGEST
from mlops_ci.ports.drift import Labelled
from mlops_ci.records.reference import NUMBER

if TYPE_CHECKING:
    from mlops_ci.backends.watch.duck_watched import DuckWatched

PROBABILITY = "probability_"
MOST = 2_000_000  # rows that a metric is computed on; of more, a seeded part


def labelled(
    watched: DuckWatched, relation: str, *, task: str, label: str, positive: str, group: str
) -> Labelled | str:
    """Rows with truth and answer, or why there are none."""
    dtypes = duck.columns_of(watched.connection, relation)
    answers = _answers(watched, dtypes)
    if not answers:
        return "the rows hold no predictions"
    joined = _joined(watched, relation, dtypes, label)
    if not joined.startswith("("):
        return joined
    rows = int(duck.one(watched.connection, f"SELECT count(*) FROM {relation}")[0])
    known = f"(SELECT * FROM {joined} WHERE mlops_ci_truth IS NOT NULL)"
    count = int(duck.one(watched.connection, f"SELECT count(*) FROM {known}")[0])
    if not count:
        return "no label has arrived"
    drawn = duck.drawn(known, rows=count, most=MOST, seed=watched.drift.seed)
    cluster = duck.quoted(group) if group in dtypes else "NULL"
    names = ", ".join(map(duck.quoted, answers))
    query = f"SELECT mlops_ci_truth, {cluster} AS mlops_ci_group, {names} FROM {drawn}"
    found = _arrays(watched.connection.sql(query).to_arrow_table(), answers, dtypes, rows, task=task, positive=positive)
    return found


def _answers(watched: DuckWatched, dtypes: Mapping[str, str]) -> list[str]:
    """Columns with probabilities by class and the answer, whichever there are."""
    answer = watched.beside.prediction_column("prediction", list(dtypes))
    return [name for name in dtypes if name.startswith(PROBABILITY)] + ([answer] if answer else [])


def _joined(watched: DuckWatched, relation: str, dtypes: Mapping[str, str], label: str) -> str:
    """A relation with the column mlops_ci_truth, or why there is none. Of a key that comes twice, any label counts."""
    own = relation
    if DIGEST in dtypes:
        own = f"(SELECT * FROM {relation} WHERE {DIGEST} = {duck.text(watched.reference.model_digest)})"
    asked = watched.drift.labels
    if not asked.data:
        if label not in dtypes:
            return "no labels are there"
        return f"(SELECT *, {duck.quoted(label)} AS mlops_ci_truth FROM {own})"
    if not watched.labels:
        return f"no label has arrived: there is no file '{asked.data}' (drift.labels.data)"
    source = duck.parquet([file.place for file in watched.labels])
    known = duck.columns_of(watched.connection, source)
    for name, where in ((asked.key, dtypes), (asked.key, known), (label, known)):
        if name not in where:
            return f"{'the labels' if where is known else 'the rows'} have no column '{name}'"
    key, truth = duck.quoted(asked.key), duck.quoted(label)
    one = f"(SELECT CAST({key} AS VARCHAR) AS k, any_value({truth}) AS mlops_ci_truth FROM {source} GROUP BY k)"
    rows = f"SELECT * FROM {own} AS r JOIN {one} AS l ON CAST(r.{key} AS VARCHAR) = l.k"
    return f"({rows})"


def _arrays(
    table: Any, answers: list[str], dtypes: Mapping[str, str], rows: int, *, task: str, positive: str
) -> Labelled | str:
    import numpy as np

    truth = table.column("mlops_ci_truth")
    groups = _groups(table.column("mlops_ci_group"))
    answer = answers[-1] if not answers[-1].startswith(PROBABILITY) else ""
    if task == "regression":
        if not answer:
            return "the rows hold no predictions"
        sides = [np.asarray(column.cast("double").to_numpy()) for column in (truth, table.column(answer))]
        good = np.isfinite(sides[0]) & np.isfinite(sides[1])
        return Labelled(
            rows=rows, truth=sides[0][good], answer=sides[1][good], probability=None, groups=_part(groups, good)
        )
    codes, names = row_hash.spelled(truth)
    known = np.array(names, dtype=object)[codes]
    shares = {name.removeprefix(PROBABILITY): table.column(name).to_numpy() for name in answers if name != answer}
    if not shares and answer and duck.kind_of(dtypes[answer]) == NUMBER and positive:
        values = table.column(answer).cast("double").to_numpy()
        spread = np.unique(values[np.isfinite(values)])
        if not set(map(row_hash.spell, spread.tolist()[:3])) <= set(names):
            return _of_share(values, known, rows, names, positive, groups)
    if not answer:
        order = list(shares)
        best = np.argmax(np.column_stack([shares[name] for name in order]), axis=1)
        return Labelled(
            rows=rows, truth=known, answer=np.array(order, dtype=object)[best], probability=shares, groups=groups
        )
    given, spelled = row_hash.spelled(table.column(answer))
    said = np.array([*spelled, ""], dtype=object)[given]
    good = given >= 0
    return Labelled(
        rows=rows,
        truth=known[good],
        answer=said[good],
        probability={name: values[good] for name, values in shares.items()} or None,
        groups=_part(groups, good),
    )


def _groups(column: Any) -> Any:
    """Cluster codes from 0; rows without a group are one cluster. None where there is no such column."""
    import numpy as np

    if column.null_count == len(column):
        return None
    codes, names = row_hash.spelled(column)
    return np.where(codes < 0, len(names), codes)


def _part(groups: Any, rows: Any) -> Any:
    """The clusters of some rows, numbered anew."""
    import numpy as np

    return None if groups is None else np.unique(groups[rows], return_inverse=True)[1]


def _of_share(values: Any, truth: Any, rows: int, names: list[str], positive: str, groups: Any) -> Labelled | str:
    """One number a row is the chance of the positive class."""
    import numpy as np

    good = np.isfinite(values) & (values >= 0) & (values <= 1)
    others = [name for name in names if name != positive] or ["(other)"]
    if len(others) > 1:
        return "one probability a row, and the label has more than two classes"
    chance = values[good]
    said = np.where(chance >= 0.5, positive, others[0])
    shares = {positive: chance, others[0]: 1.0 - chance}
    return Labelled(rows=rows, truth=truth[good], answer=said, probability=shares, groups=_part(groups, good))
