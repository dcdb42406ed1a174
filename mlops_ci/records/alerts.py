"""What Alertmanager says, and what is started by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert that fires; `model` and `environment` are '' where it names none. All of it comes from outside."""

    name: str
    model: str = ""
    environment: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    """An event that starts workflows: its type (`mlops-ci-drift`), and the alerts that are the reason."""

    event: str
    alerts: tuple[Alert, ...]
