"""Starting workflows from outside."""

from __future__ import annotations

from typing import Protocol

from mlops_ci.records.alerts import Start


class Starter(Protocol):
    """Where workflows run."""

    def start(self, wanted: Start) -> None:
        """Start the workflows that listen for this event; returns once that is accepted, not when they are done.

        May be done twice where an answer was lost: the workflows run one after the other. Raises BackendError where
        nobody accepts it.
        """
