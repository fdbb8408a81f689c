"""What the code under test logs: into the story; and what it must never have to say is a violation."""

import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from tests.simulation.chronicle import Chronicle

DEFECTS = frozenset({"payout_defect", "defect", "paid_twice", "payouts_were_forgotten", "stripe_key_misused"})


@contextmanager
def alarms_into(
    chronicle: Chronicle, violated: Callable[[str, str, str], None], who: Callable[[], str]
) -> Iterator[None]:
    """While this lasts, log entries go to the chronicle and nowhere else."""

    def take(_logger: object, level: str, entry: MutableMapping[str, Any]) -> Any:
        event = str(entry.pop("event"))
        payout_id = str(entry.get("payout_id", ""))
        error = entry.pop("exc_info", None)
        chronicle.tell(who(), f"! {level} {event} {dict(entry)}", payout_id)
        chronicle.count(f"log {event}")
        if event in DEFECTS:
            violated(
                "nothing is logged that must not happen",
                f"{event} {traceback.format_exc() if error else dict(entry)}",
                payout_id,
            )
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [take]
    try:
        yield
    finally:
        processors[:] = before
