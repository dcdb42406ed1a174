"""How a port tells a person what it does."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
