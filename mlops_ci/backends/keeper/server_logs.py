"""What servers wrote: a log for each below their environment's folder, and its last lines where one failed."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.errors import GateFailed

LOGS = 5
TAIL, TAIL_BYTES = 20, 64 * 1024


def log_of(folder: Path, server: str) -> Path:
    """What a server writes; where none is active, what the keeper does."""
    return folder / (f"server-{server}.log" if server else "keeper.log")


def prune_logs(folder: Path, stay: set[Path]) -> None:
    """Keep the latest, and those that are to stay."""
    logs = sorted(folder.glob("server-*.log"), key=lambda log: log.stat().st_mtime_ns, reverse=True)
    for log in logs[LOGS - 1 :]:
        if log not in stay:
            log.unlink(missing_ok=True)
            log.with_name(f"{log.name}.1").unlink(missing_ok=True)


def failed(message: str, log: Path, begun: int) -> GateFailed:
    """What to raise of a new server: with what it wrote to its log after `begun` bytes."""
    return GateFailed(
        message, hint="\n".join([*tail(log, begun), "what served before serves on"]), docs="deploy.md#smoke"
    )


def tail(log: Path, begun: int) -> list[str]:
    """The last lines that the new server wrote."""
    try:
        with open(log, "rb") as file:
            file.seek(max(begun, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL:]
    except OSError:
        lines = []
    return ["its last lines:", *(f"| {line}" for line in lines)] if lines else []
