"""Check data against its suites, and tell how it differs from the champion's."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mlops_ci.config.types import Dataset, Model
from mlops_ci.errors import DataError
from mlops_ci.ports.data import DataSource, Validator
from mlops_ci.ports.say import Say
from mlops_ci.records.codec import encode
from mlops_ci.records.results import Check, StageResult, Status, status_of
from mlops_ci.records.validation import (
    ColumnChange,
    ColumnProfile,
    DataDiff,
    DataProfile,
    DatasetValidation,
    ExpectationResult,
    ValidationDetails,
)

NULL_STEP = 0.01
DISTINCT_STEP = 0.2
NOT_MADE = "not checked: the pipeline would make it from the data that is red above"


def validate(
    model: Model,
    *,
    open_source: Callable[[Dataset], DataSource],
    derived: Callable[[Dataset], bool],
    validator: Validator,
    champion: Callable[[], tuple[str, ValidationDetails] | None],
    judgement_digest: str,
    where: Callable[[str], str],
    say: Say,
) -> StageResult:
    """Every `validate:` entry of a model. `champion` gives its name and what was found in its data; the result names
    the `judgement_digest`, and so the data that it is about.

    `derived` data is made by the pipeline from other data: it is not even made once a data set before it is red.

    Data that is not what its name says, or has no rows, is a red check and not an error: that is what a pull
    request that brings broken data looks like. Raises ConfigError for a suite that can't be used.
    """
    if not model.validate:
        return StageResult(
            stage="validate", model=model.name, status=Status.SKIPPED, reason="no data sets under 'validate:'"
        )
    before = champion()
    checks: list[Check] = []
    datasets = []
    for index, dataset in enumerate(model.validate):
        place = where(f"models.{model.name}.validate[{index}]")
        if derived(dataset) and status_of(checks) is Status.FAILED:
            checks.append(_not_made(dataset, place))
            datasets.append(_unchecked(dataset, NOT_MADE))
            continue
        try:
            found = _validated(model, dataset, open_source(dataset), validator, say)
        except DataError as error:
            checks.append(_unreadable(dataset, error, place))
            datasets.append(_unchecked(dataset, checks[-1].message))
            continue
        checks += [_check(found.data, result) for result in found.expectations]
        assert found.profile is not None
        datasets.append(replace(found, diff=_diff(before, found.profile, index)))
    return StageResult(
        stage="validate",
        model=model.name,
        status=status_of(checks),
        reason=_reason(checks),
        checks=tuple(checks),
        outputs={"judgement-digest": judgement_digest},
        details=encode(ValidationDetails(datasets=tuple(datasets))),
    )


def _validated(model: Model, dataset: Dataset, source: DataSource, validator: Validator, say: Say) -> DatasetValidation:
    """One data set against its suite. Raises DataError for data that is not what its name says, or has no rows."""
    name = posixpath.normpath(posixpath.join(model.path, dataset.suite))
    results = validator.validate(source, model.at(dataset.suite), name=name, redact=model.redact, say=say)
    profile = source.profile(redact=model.redact)
    return DatasetValidation(
        data=shown(dataset), suite=dataset.suite, rows=profile.rows, expectations=results, profile=profile
    )


def shown(dataset: Dataset) -> str:
    """A data set's name without the secrets its URL may hold."""
    scheme, found, rest = dataset.data.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if found else dataset.data


def _unreadable(dataset: Dataset, error: DataError, place: str) -> Check:
    return Check(
        name=f"{shown(dataset)} readable",
        status=Status.FAILED,
        message=error.message + (f" ({error.hint})" if error.hint else ""),
        where=place,
    )


def _not_made(dataset: Dataset, place: str) -> Check:
    return Check(name=shown(dataset), status=Status.SKIPPED, message=NOT_MADE, where=place)


def _unchecked(dataset: Dataset, reason: str) -> DatasetValidation:
    return DatasetValidation(data=shown(dataset), suite=dataset.suite, rows=-1, expectations=(), error=reason)


def _check(data: str, result: ExpectationResult) -> Check:
    message = "holds"
    if result.error:
        message = f"could not be checked: {result.error}"
    elif result.status is not Status.PASSED:
        message = "does not hold"
        if result.unexpected is not None and result.total:
            message = f"{result.unexpected:,} of {result.total:,} rows do not"
        elif result.observed:
            message = f"observed {result.observed}"
    return Check(
        name=f"{data} {result.sentence}",
        status=result.status,
        severity=result.severity,
        message=message,
        observed=result.observed,
        where=result.where,
    )


def _reason(checks: Sequence[Check]) -> str:
    red = sum(check.red for check in checks)
    warned = sum(check.status is not Status.PASSED and not check.red for check in checks)
    text = f"{len(checks) - red - warned} of {len(checks)} checks hold"
    return text + (f", {warned} warned" if warned else "")


def _diff(before: tuple[str, ValidationDetails] | None, profile: DataProfile, index: int) -> DataDiff | None:
    """Against the champion's data set of the same name, else the same position; None where it has none."""
    if before is None:
        return None
    champion, details = before
    named = [item.profile for item in details.datasets if item.profile and item.profile.data == profile.data]
    placed = [item.profile for item in details.datasets[index : index + 1] if item.profile]
    old = next(iter(named or placed), None)
    if old is None:
        return None
    return DataDiff(
        data=profile.data,
        champion=champion,
        rows_old=old.rows,
        rows_new=profile.rows,
        columns=tuple(_column_changes(old, profile)),
    )


def _column_changes(old: DataProfile, new: DataProfile) -> Iterator[ColumnChange]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in before.keys() - after.keys():
        yield ColumnChange(column=name, what="removed", old=before[name].dtype, new="")
    for name, column in after.items():
        if name not in before:
            yield ColumnChange(column=name, what="added", old="", new=column.dtype)
        else:
            yield from _changes(before[name], column)


def _changes(old: ColumnProfile, new: ColumnProfile) -> Iterator[ColumnChange]:
    if old.dtype != new.dtype:
        yield ColumnChange(column=new.name, what="retyped", old=old.dtype, new=new.dtype)
    if abs(old.null_share - new.null_share) >= NULL_STEP:
        yield ColumnChange(
            column=new.name, what="null-share", old=f"{100 * old.null_share:.3g} %", new=f"{100 * new.null_share:.3g} %"
        )
    if old.distinct and new.distinct and abs(new.distinct - old.distinct) > DISTINCT_STEP * old.distinct:
        yield ColumnChange(column=new.name, what="distinct", old=f"{old.distinct:,}", new=f"{new.distinct:,}")
    if (old.low, old.high) != (new.low, new.high):
        yield ColumnChange(column=new.name, what="range", old=f"{old.low} … {old.high}", new=f"{new.low} … {new.high}")
