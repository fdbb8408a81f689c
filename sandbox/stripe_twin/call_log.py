"""What a measurement wants to know: every call, when it came and when its answer went, by the clock of this machine.

One JSON object a line: `arrived_at` and `answered_at` are Unix times, `answer` is the status, or how the call ended without one.
"""

import json
import time
from pathlib import Path
from typing import Self, TextIO

from sandbox.stripe_twin.messages import Answer, Outcome, Request


class CallLog:
    """Appends to a file, each line whole. Not the twin's clock, which may be shifted: its readers compare with their own."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines

    @classmethod
    def at(cls, path: Path) -> Self:
        return cls(path.open("a", encoding="utf-8", buffering=1))

    def write(self, request: Request, arrived_at: float, outcome: Outcome) -> None:
        """To be called when the answer is about to be sent."""
        answer = outcome.status if isinstance(outcome, Answer) else type(outcome).__name__
        call = {
            "arrived_at": arrived_at,
            "answered_at": time.time(),
            "method": request.method,
            "path": request.path,
            "idempotency_key": request.headers.get("idempotency-key"),
            "answer": answer,
        }
        self._lines.write(json.dumps(call) + "\n")
