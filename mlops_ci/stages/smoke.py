"""The smoke of a new server: it must be the model that was judged, and answer as it answered then."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Environment
from mlops_ci.errors import BackendError, GateFailed
from mlops_ci.io import http
from mlops_ci.records.server import DIGEST_HEADER

TOLERANCE = 1e-6  # of the larger number; the same model on another processor differs in the last digits
NEAR = 1e-2  # what is this far off may well be the same model, somewhere else
SECONDS = 30.0


def tolerance_of(environment: Environment) -> float:
    """How far a number may be from the one that was judged, as a share of the larger of the two."""
    return float(environment.options.get("smoke", {}).get("tolerance", TOLERANCE))


def smoke(url: str, *, name: str, digest: str, rows: Path | None, tolerance: float = TOLERANCE) -> int:
    """Ask the server at `url` who it is, and for the recorded rows; returns how many rows were compared.

    `rows` is the `smoke.json` that scoring wrote: a V1 `request`, and the model's own `predictions` for it. Without it
    only identity and readiness are checked. Numbers may differ by `tolerance`, a share of the larger one. Raises
    GateFailed for another model, another number of answers or another answer; BackendError where nobody answers.
    """
    _identity(url, name, digest)
    if rows is None or not rows.is_file():
        return 0
    request, wanted = _recorded(rows)
    return _compared(_ask(f"{url}/v1/models/{name}:predict", request, digest), wanted, tolerance)


def smoke_by_answers(url: str, *, rows: Path | None, tolerance: float = TOLERANCE) -> int:
    """The same of a server that is not ours and can't say which model it runs: MLflow's own protocol, `/invocations`,
    which MLServer speaks too. Its answers are all there is to tell the model by. Raises GateFailed without rows."""
    if rows is None or not rows.is_file():
        raise GateFailed(
            "no rows were recorded to ask it for, and its server can't say which model it runs",
            hint="serve an image ('build:' in mlops.yaml), whose server can",
        )
    request, wanted = _recorded(rows)
    return _compared(_ask(f"{url}/invocations", request, ""), wanted, tolerance)


def _compared(answer: dict[str, Any], wanted: list[Any], tolerance: float) -> int:
    given = answer.get("predictions")
    if not isinstance(given, list) or len(given) != len(wanted):
        count = len(given) if isinstance(given, list) else "no"
        raise GateFailed(f"it gave {count} predictions for {len(wanted)} rows")
    for row, (one, other) in enumerate(zip(given, wanted, strict=True)):
        if not same(one, other, tolerance):
            words = f"its answer for smoke row {row} is not the one that was judged"
            if same(one, other, NEAR):
                words += f": off by less than {NEAR:g} of its size, and smoke.tolerance allows {tolerance:g}"
            raise GateFailed(words)
    return len(wanted)


def _recorded(rows: Path) -> tuple[Any, list[Any]]:
    try:
        found = json.loads(rows.read_text("utf-8"))
        return found["request"], list(found["predictions"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BackendError(
            "the recorded smoke rows are not readable", hint="judge the pull request again, which records them anew"
        ) from None


def _identity(url: str, name: str, digest: str) -> None:
    answer = http.call("GET", f"{url}/v2/models/{name}/ready", timeout=SECONDS)
    served = answer.headers.get(DIGEST_HEADER, "")
    if answer.status != 200:
        raise GateFailed(f"it is not ready: it answered {answer.status}")
    if served != digest:
        raise GateFailed(f"it serves the model {served[:12] or '(unknown)'}, not {digest[:12]}")


def _ask(url: str, document: Any, digest: str) -> dict[str, Any]:
    answer = http.call("POST", url, body=json.dumps(document).encode(), timeout=SECONDS)
    if answer.status != 200:
        raise GateFailed(f"it answered the smoke rows with {answer.status}: {_reason(answer.body)}")
    if answer.headers.get(DIGEST_HEADER, "") != digest:
        raise GateFailed("another model answered the smoke rows")
    try:
        found = json.loads(answer.body)
    except ValueError:
        raise GateFailed("its answer to the smoke rows is not JSON") from None
    return found if isinstance(found, dict) else {}


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])[:200]
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def same(one: Any, other: Any, tolerance: float = TOLERANCE) -> bool:
    """Equal, numbers within the tolerance; lists and objects item by item."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)
    return bool(one == other)
