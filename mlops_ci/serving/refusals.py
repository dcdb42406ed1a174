"""What a request is refused with: a status, words that name field and row, and never a part of the input."""

from __future__ import annotations

import json


class Refusal(Exception):
    """A request that can't be answered as it is."""

    def __init__(
        self, status: int, message: str, *, reason: str, field: str | None = None, row: int | None = None
    ) -> None:
        """`reason` is the metric's label; `row` counts from 0; `field` is a name of ours, such as the signature's."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.field = field
        self.row = row

    def body(self) -> bytes:
        """`{"error": …}`, with `field` and `row` where they are known."""
        document: dict[str, str | int] = {"error": self.message}
        if self.field is not None:
            document["field"] = self.field
        if self.row is not None:
            document["row"] = self.row
        return json.dumps(document, ensure_ascii=False).encode()


def malformed(message: str) -> Refusal:
    """The body is not what the protocol asks for."""
    return Refusal(400, message, reason="malformed")


def wrong(field: str, row: int | None, message: str, *, reason: str = "type") -> Refusal:
    """A value is not what the signature asks for."""
    place = f"'{field}'" if row is None else f"'{field}', row {row}"
    return Refusal(400, f"{place}: {message}", reason=reason, field=field, row=row)


MODEL_FAILED = Refusal(500, "the model failed on this input; the server's log has the reason", reason="model")
