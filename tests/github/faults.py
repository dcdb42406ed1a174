"""What goes wrong, switched on by a test: each fault strikes the next requests that it fits, and then is spent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Fault:
    """`status` answers with it, and with `message`, or `body` as it is; `drop` closes the connection with no answer.

    `after` does so once the request was carried out. `slow` waits so many seconds, before that or `after`. `first` is
    done before anything: somebody else was faster. `hide` leaves the newest entry out of a list.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    message: str = "Server Error"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    after: bool = False
    hide: bool = False
    slow: float = 0.0
    first: Callable[[], object] | None = None
    times: int = 1

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and self.path in path


@dataclass
class Faults:
    """The faults that are on, and a log of every request: (method, path, status), status 0 where it was dropped. What
    GraphQL is asked, and does not change, has the method QUERY."""

    on: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **words: object) -> None:
        self.on.append(Fault(**words))  # type: ignore[arg-type]

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self.lock:
            found = next((item for item in self.on if item.fits(method, path)), None)
            if found is not None:
                found.times -= 1
            return found

    def writes(self) -> list[tuple[str, str, int]]:
        """Every request that was not a read; GraphQL is one where it changes something."""
        return [item for item in self.log if item[0] not in ("GET", "QUERY")]
