"""A story as it is told: frozen, typed, for people and programs alike. Money in minor units."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ledger.reasons import Actor, Reason
from ledger.status import Status
from ledger.story.stripe_calls import StripeCall
from projections.views import View

StoryKind = Literal["referral", "payout", "transfer", "instructor", "event", "total"]


class StoryLine(View):
    """One event. `occurred_at`: when it happened, by their clock; `recorded_at`: when we knew, by the log's.

    `because`: what caused it, in words; `because_position`: where the log has that, if it is an event of this story.
    """

    position: int
    event_id: UUID
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    sentence: str
    because: str | None
    because_position: int | None
    why_this_amount: str | None
    stripe_call: StripeCall | None


class Now(View):
    """Where it stands, what it waits for, and who has to act. `next_attempt_at`: when we try next by ourselves."""

    status: Status
    reason: Reason
    who: Actor
    explanation: str
    next_attempt_at: datetime | None


class Part(View):
    """Equal bonuses of a sum: `count` times `each_minor` is `sum_minor`, earned from one position of the log to another.

    `each_minor` is what each adds to the figure: the bonus, or a part of it where some of it came back (`reversed_minor`; of
    that, `given_up_minor` is owed no more).
    """

    status: Status
    tier: str
    count: int
    bonus_minor: int
    reversed_minor: int
    given_up_minor: int
    each_minor: int
    sum_minor: int
    first_position: int
    last_position: int
    first_payouts: list[str]


class Sum(View):
    """How a figure is made up. `figure` is what the read models say; `made_up` what the parts come to: the same, or else
    `unexplained` is what is left. Both in minor units, or numbers of bonuses (`unit`).
    """

    name: str
    unit: Literal["minor", "bonuses"]
    currency: str
    figure: int
    made_up: int
    unexplained: int
    parts: list[Part]


class Story(View):
    """Told in the order of the log, as of `position`. `left_out` lines come before those that are shown."""

    kind: StoryKind
    id: str
    position: int
    headline: str
    lines: tuple[StoryLine, ...]
    left_out: int = 0
    sums: tuple[Sum, ...] = ()
    now: Now | None = None
    see_also: tuple[str, ...] = ()
