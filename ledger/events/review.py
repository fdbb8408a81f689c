"""What people decide about payouts: hold, release, retry, cancel, reverse, and the approvals of a second person."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ledger.events.event import AboutPayout, Currency, MinorUnits

APPROVALS_TAG = "approvals"

ActionKind = Literal["cancel", "reverse", "retry"]

DeciderRole = str | None
"""By which role the actor was allowed to decide: a token's, or `command_line`. None: not a person, or not known."""


class HoldReason(StrEnum):
    """Why a payout is held: because a person said so, or because a rule wants a person to look."""

    MANUAL = "manual"
    SAME_STRIPE_ACCOUNT = "same_stripe_account"
    MANY_BONUSES_IN_A_DAY = "many_bonuses_in_a_day"


class PayoutHeld(AboutPayout):
    """No new attempt is made until the payout is released. An attempt in flight still comes to its end."""

    reason: HoldReason
    note: str
    role: DeciderRole = None


class PayoutReleased(AboutPayout):
    """A person looked, and the payout goes on. The rules do not hold it again."""

    note: str
    role: DeciderRole = None


class ApprovalRequested(AboutPayout):
    """A person wants something done that a second person has to approve. `number` counts the requests of this payout."""

    number: Annotated[int, Field(ge=1)]
    action: ActionKind
    note: str
    role: DeciderRole = None

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), APPROVALS_TAG)


class ApprovalGranted(AboutPayout):
    """A second person approved. The action is carried out as soon as no attempt is in flight."""

    number: int
    action: ActionKind
    note: str
    role: DeciderRole = None

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), APPROVALS_TAG)


class ApprovalRefused(AboutPayout):
    """A person, the maker or another, decided against the action."""

    number: int
    action: ActionKind
    note: str
    role: DeciderRole = None

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), APPROVALS_TAG)


class PayoutRetryAuthorized(AboutPayout):
    """A person allowed a new attempt: after a decline alone, after an unknown outcome with a second person's approval."""

    after: Literal["decline", "unknown"]
    note: str
    role: DeciderRole = None


class PayoutCancelled(AboutPayout):
    """What is still owed is given up, approved by two persons, and will not be paid: the bonus, or what came back of it.

    After a reversal in part, `amount_minor` is that part; the rest stays paid.
    """

    amount_minor: MinorUnits
    currency: Currency
    note: str
    role: DeciderRole = None
