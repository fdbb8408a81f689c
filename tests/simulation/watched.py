"""What a witness remembers of each payout, and what it says when an invariant does not hold."""

from dataclasses import dataclass, field
from datetime import datetime

from ledger.events import BonusEarned, Recorded, TransferRequested, TransferSettled


@dataclass(frozen=True)
class Violation:
    """An invariant that did not hold, and for which payout."""

    invariant: str
    detail: str
    payout_id: str = ""

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}" + (f" ({self.payout_id})" if self.payout_id else "")


@dataclass
class Watched:
    """A payout as the log has told it so far."""

    bonus: BonusEarned
    earned_at: datetime
    requests: list[Recorded] = field(default_factory=list)
    unresolved: TransferRequested | None = None
    settled: TransferSettled | None = None
    held: bool = False
    asked: Recorded | None = None  # the newest request that nobody has decided on
    granted: str | None = None
    may_retry: bool = False
    searches: int = 0  # that found nothing, since the newest sending
    cancelled: bool = False
    reversed_minor: int = 0
    given_up_minor: int = 0
