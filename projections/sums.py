"""How totals are made up, to the cent: equal bonuses counted together, and what they come to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from ledger.events import Tier
from ledger.status import STATUSES, Status
from projections.rows import EarningsRow, PayoutRow, ProgramRow
from projections.story_views import Part, Sum

__all__ = ["EXAMPLES", "TOTALS", "TotalName", "made_up", "parts_of", "sum_of"]

EXAMPLES = 3


class TotalName(NamedTuple):
    """A figure of the program: which payouts it counts (none named: all), and whether it counts them or their money.

    `share`: the part of the bonus that it counts, see `PayoutRow.shares`; None: all of it.
    """

    unit: Literal["minor", "bonuses"]
    statuses: tuple[Status, ...] = STATUSES
    share: Literal["paid", "reversed", "cancelled"] | None = None
    tier: Tier | None = None
    figure: Callable[[ProgramRow], int] = lambda _: 0


TOTALS: dict[str, TotalName] = {
    "earned_minor": TotalName("minor", figure=lambda program: program.earned_minor),
    "paid_minor": TotalName("minor", ("paid",), "paid", figure=lambda program: program.paid_minor),
    "pending_minor": TotalName("minor", ("pending_transfer",), figure=lambda program: program.pending_minor),
    "failed_minor": TotalName("minor", ("failed",), figure=lambda program: program.failed_minor),
    "cancelled_minor": TotalName(
        "minor", ("cancelled", "paid", "reversed"), "cancelled", figure=lambda program: program.cancelled_minor
    ),
    "reversed_minor": TotalName(
        "minor", ("paid", "reversed"), "reversed", figure=lambda program: program.reversed_minor
    ),
    "founding": TotalName("bonuses", tier="founding", figure=lambda program: program.founding_bonuses),
    "standard": TotalName("bonuses", tier="standard", figure=lambda program: program.standard_bonuses),
}
"""By the names that the totals have in the contract."""


def made_up(name: str, figure: int, parts: Sequence[Part], currency: str) -> Sum:
    unit = TOTALS[name].unit
    comes_to = sum(part.sum_minor if unit == "minor" else part.count for part in parts)
    return Sum(
        name=name,
        unit=unit,
        currency=currency,
        figure=figure,
        made_up=comes_to,
        unexplained=figure - comes_to,
        parts=list(parts),
    )


def sum_of(earnings: EarningsRow, payouts: Iterable[PayoutRow], currency: str) -> Sum:
    """What one instructor earned: made up of these payouts of theirs."""
    return made_up("earned_minor", earnings.earned_minor, parts_of(payouts), currency)


def parts_of(payouts: Iterable[PayoutRow]) -> list[Part]:
    """Equal ones together, in the order of the log by the first of each."""
    equal: dict[tuple[Status, Tier, int, int, int], list[PayoutRow]] = defaultdict(list)
    for row in sorted(payouts, key=lambda row: row.earned_position):
        equal[row.status, row.tier, row.amount_minor, row.reversed_minor, row.given_up_minor].append(row)
    return [
        Part(
            status=status,
            tier=tier,
            count=len(rows),
            bonus_minor=bonus_minor,
            reversed_minor=reversed_minor,
            given_up_minor=given_up_minor,
            each_minor=bonus_minor,
            sum_minor=len(rows) * bonus_minor,
            first_position=rows[0].earned_position,
            last_position=rows[-1].earned_position,
            first_payouts=[row.payout_id for row in rows[:EXAMPLES]],
        )
        for (status, tier, bonus_minor, reversed_minor, given_up_minor), rows in equal.items()
    ]
