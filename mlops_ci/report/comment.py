"""The comment on a pull request: the verdict in its first line, all models in one table, then each of them.

Everything in it that is not ours is escaped. It is built of blocks that are whole in themselves, the most telling
first; where the budget ends, blocks are left out and it says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlops_ci.records.results import Status
from mlops_ci.records.showing import About
from mlops_ci.report.clean import code
from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.comment_sections import first_sections, folded_sections
from mlops_ci.report.headline import leading_metric
from mlops_ci.report.markdown import table
from mlops_ci.report.numbers import duration, interval
from mlops_ci.report.standing import SIGNS, Standing, sentence, standing, word

BUDGET = 60_000  # bytes; GitHub takes 65,536 characters
RESERVE = 400  # for the line that says what was left out
TITLE = 200  # characters of a headline
MOST_MODELS = 100
_URL = re.compile(r"https?://[\w.:\[\]-]+(/[\w./%~-]*)?(#[\w-]+)?")


def render(report: Report, about: About, *, budget: int = BUDGET) -> str:
    """The comment. `report` has every expected model, those without results too; one of another commit's results is
    shown as not judged."""
    models = sorted(report.models, key=_urgency)
    blocks = [f"## {title(models, about)}", _about(models, about)]
    if models:
        blocks.append(_table(models))
    several = len(models) > 1
    for model in models:
        head = f"### {SIGNS[standing(model)]} {clean(model.model, longest=80)}\n\n" if several else ""
        first = list(first_sections(model))
        if first:
            blocks += [head + first[0], *first[1:]]
    for model in models:
        blocks += list(folded_sections(model, named=several))
    return "\n\n".join(_within(blocks, budget, about)) + "\n"


def title(models: Sequence[ModelReport], about: About) -> str:
    """The verdict in one line."""
    if not models:
        return "❔ Nothing was judged" if about.expected is None else f"{SIGNS[Standing.SKIPPED]} No model is affected"
    if len(models) == 1:
        (model,) = models
        return f"{SIGNS[standing(model)]} {clean(model.model, longest=80)}: {clean(sentence(model), longest=TITLE)}"
    words = [word(model) for model in models]
    counted = ", ".join(f"{words.count(found)} {found.lower()}" for found in dict.fromkeys(words))
    return f"{SIGNS[standing(models[0])]} {len(models)} models: {counted}"


def _urgency(model: ModelReport) -> int:
    """Red first; otherwise as configured."""
    order = (Standing.RED, Standing.STALE, Standing.ERROR, Standing.UNJUDGED)
    found = standing(model)
    return order.index(found) if found in order else len(order)


def _about(models: Sequence[ModelReport], about: About) -> str:
    parts = [f"Commit {code(about.head[:12])}"]
    if link := url(about.run_url):
        parts.append(f"[the run]({link}), [its full reports]({link}#artifacts)")
    lines = [" · ".join(parts)]
    if not models:
        nothing = "The run ended before it could tell which models this commit affects."
        lines.append(nothing if about.expected is None else "Nothing that decides a model differs from the base.")
    if about.unread:
        lines.append(f"{code(about.unread)} can't be used; the run's log says why.")
    if any(standing(model) is Standing.UNJUDGED for model in models):
        lines.append("What was not judged has no numbers of this commit; the run's log tells why.")
    if about.fork:
        lines.append("> The results were made by a run of the fork, with the fork's own code: read them as its claim.")
    return "\n\n".join(lines)


def url(text: str) -> str:
    """A link's target, '' for what is none."""
    return text if _URL.fullmatch(text) else ""


def _table(models: Sequence[ModelReport]) -> str:
    rows = [
        (
            SIGNS[standing(model)],
            clean(model.model, longest=80),
            word(model),
            _difference(model),
            _gates(model),
            _data(model),
            _cost(model),
        )
        for model in models[:MOST_MODELS]
    ]
    return table(("", "model", "verdict", "against the champion", "gates", "data", "training"), rows)


def _difference(model: ModelReport) -> str:
    details = model.evaluation
    leading = leading_metric(details) if details is not None else None
    if leading is None:
        return "–"
    if leading.difference is None:
        return f"no champion; {clean(leading.metric, longest=60)} {interval(leading.candidate)}"
    return f"{clean(leading.metric, longest=60)} {interval(leading.difference, signed=True)}"


def _gates(model: ModelReport) -> str:
    result = model.stage("evaluate")
    checks = result.checks if result is not None else ()
    held, red = sum(check.status is Status.PASSED for check in checks), sum(check.red for check in checks)
    found = [f"{held} of {len(checks)} hold"]
    found += [f"{count} {what}" for count, what in ((red, "failed"), (len(checks) - held - red, "warned")) if count]
    return ", ".join(found) if checks else "–"


def _data(model: ModelReport) -> str:
    details = model.validation
    if details is None or not details.datasets:
        return "–"
    if any(dataset.rows < 0 for dataset in details.datasets):
        return "not readable"
    found = [item for dataset in details.datasets for item in dataset.expectations]
    return f"{sum(item.status is Status.PASSED for item in found)} of {len(found)} hold"


def _cost(model: ModelReport) -> str:
    training = model.training
    if training is None:
        return "–"
    return "trained before" if training.reused else duration(training.train_seconds)


def _within(blocks: Sequence[str], budget: int, about: About) -> Iterator[str]:
    """The blocks that fit, in their order."""
    left, room = 0, budget - RESERVE
    for block in blocks:
        size = len(block.encode("utf-8", "replace")) + 2
        if size > room:
            left += 1
            continue
        room -= size
        yield block
    if left:
        link = url(about.run_url)
        where = f"[the full reports]({link}#artifacts) have" if link else "the full reports have"
        yield f"_{left} section{'s' * (left > 1)} did not fit; {where} everything._"
