"""Numbers, intervals, durations, sizes and commands as people read them."""

from __future__ import annotations

from mlops_ci.records.evaluation import EvaluationDetails, Interval, SliceResult
from mlops_ci.records.results import Origin


def number(value: float | None, *, signed: bool = False) -> str:
    """Four significant digits, trailing zeros kept where they say how exact it is; `–` for none."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    if value == 0:
        return f"{value:{sign}.1f}".replace("-", "")
    magnitude = abs(value)
    if magnitude >= 10_000 or magnitude < 0.0001:
        return f"{value:{sign}.3g}"
    digits = 4 if magnitude < 1 else 3 if magnitude < 10 else 2 if magnitude < 100 else 1
    return f"{value:{sign}.{digits}f}"


def interval(found: Interval | None, *, signed: bool = False) -> str:
    """`+0.0213 [+0.0150, +0.0270]`."""
    if found is None or found.value is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{number(found.value, signed=signed)} (no interval)"
    low, high = number(found.low, signed=signed), number(found.high, signed=signed)
    return f"{number(found.value, signed=signed)} [{low}, {high}]"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Bytes as `812 B`, `1.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.3g} %"


def flipped(details: EvaluationDetails, part: SliceResult) -> str:
    """`51 / 32`: the rows of a slice that were mended and broken; of small slices only how many changed."""
    found = details.flips_by_slice.get(f"{part.by} = {part.value}")
    return f"{found.mended:,} / {found.broken:,}" if found else f"{part.flipped:,} changed"


def reproduce(origin: Origin, model: str) -> str:
    """The one command that judges the same again."""
    return f"git checkout {origin.commit[:12]} && mlops-ci pull-request --model {model}"
