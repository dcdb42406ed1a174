"""What a registry's alias named at a moment, by the journal of its moves.

Each entry says what the alias named before. Where that is not what the entry before it says, something is missing: an
entry was pruned, a clock was set back, or somebody moved the alias by hand. Then nobody knows what it named between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from mlops_ci.records.audit import Claim, Known, Move

GAP = "the journal has a gap there: an entry is missing, a clock was set back, or the alias was moved by hand"
BEGINS = "the journal begins later"


def alias_then(moves: Sequence[Move], now: str, moment: datetime) -> Claim:
    """What one environment's alias named, and since when ('' for unknown).

    `moves` are in the order of their times, `now` is the version that it names now, '' for none.
    """
    past = [move for move in moves if _time(move) <= moment]
    later = [move for move in moves if _time(move) > moment]
    before, last = (None, *past)[-2:] if past else (None, None)
    follows = later[0].before if later else now
    if (last.version if last else "") != follows:
        return Claim(known=Known.UNKNOWN, why=GAP if last or not later else BEGINS)
    until = later[0].at if later else ""
    if last is None:
        return Claim(known=Known.NOTHING, until=until)
    since = last.at if last.before == (before.version if before else "") else ""
    return Claim(known=Known.RELEASE, model_digest=last.model_digest, version=last.version, since=since, until=until)


def _time(move: Move) -> datetime:
    return datetime.strptime(move.at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
