"""One payout as the log has it: our obligation to pay one bonus, and what became of each attempt to discharge it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_serializer

from ledger.events import (
    ActionKind,
    BonusEarned,
    HoldReason,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferRequested,
    TransferSettled,
    UnknownKind,
)

Phase = Literal["owed", "requested", "unknown", "failed", "settled", "cancelled", "reversed"]


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Unresolved(_State):
    """The one attempt whose outcome is open: what was sent, since when, and how often without a definitive answer.

    `searches` counts the searches at Stripe that found nothing; `looked_position` is the log position of the newest.
    `refused_sources` are those that our API key could not read when it was last tried, `mismatched` the transfers that claim to
    be of this payout and are not what was requested.
    """

    request: TransferRequested
    requested_position: int
    first_sent_at: datetime
    unanswered: int = 0
    last_unanswered_at: datetime | None = None
    kinds: frozenset[UnknownKind] = frozenset()
    searches: int = 0
    first_searched_at: datetime | None = None
    last_searched_at: datetime | None = None
    looked_position: int = 0
    refused_sources: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()

    @field_serializer("kinds")
    def _in_one_order(self, kinds: frozenset[UnknownKind]) -> list[UnknownKind]:
        """The read models compare what is stored; a set's own order differs from process to process."""
        return sorted(kinds)


class Failure(_State):
    """The newest definitive decline, and how many there were in a row of this kind, by this destination, and since when.

    What was recorded after `requested_position` was not known when the request was made, and may be the cure.
    """

    event: TransferFailed
    failed_at: datetime
    position: int
    requested_position: int
    count: int
    first_failed_at: datetime
    destination: str


class Hold(_State):
    reason: HoldReason
    note: str
    held_at: datetime
    held_by: str


class Approval(_State):
    """Something that a second person has to approve, or has approved and that is still to be carried out."""

    number: int
    action: ActionKind
    note: str
    requested_by: str
    requested_at: datetime
    granted: bool = False


class OpenReversal(_State):
    request: ReversalRequested
    first_sent_at: datetime


class Payout(_State):
    """`attempt` is the number of the newest attempt, 0 before the first. Times are ours (`recorded_at`), in UTC."""

    bonus: BonusEarned
    earned_position: int
    earned_at: datetime
    phase: Phase = "owed"
    attempt: int = 0
    unresolved: Unresolved | None = None
    failure: Failure | None = None
    account_verified_position: int = 0
    settlement: TransferSettled | None = None
    noticed_position: int = 0
    reversal_noticed_position: int = 0
    confirmed_position: int = 0
    hold: Hold | None = None
    reviewed: bool = False
    approval: Approval | None = None
    approvals: int = 0
    retry_authorized_position: int = 0
    reversal: OpenReversal | None = None
    reversal_failure: ReversalFailed | None = None
    reversals: int = 0
    reversed_minor: int = 0
    given_up_minor: int = 0
    cancelled: bool = False

    @property
    def payout_id(self) -> str:
        return self.bonus.payout_id

    @property
    def is_final(self) -> bool:
        """Whether this obligation is discharged or given up. Only a reversal moves it from here."""
        return self.phase in ("settled", "cancelled", "reversed")

    @property
    def owed_minor(self) -> int:
        """What is to be paid, or came back and is owed again; negative if it was given up, and paid all the same."""
        settled_minor = self.settlement.amount_minor if self.settlement is not None else 0
        return self.bonus.amount_minor - settled_minor + self.reversed_minor - self.given_up_minor

    @property
    def granted(self) -> ActionKind | None:
        """The action that was approved and is still to be carried out."""
        return self.approval.action if self.approval is not None and self.approval.granted else None
