"""The payouts of the bonuses earned in a stretch of the log, each as it stood at its end. Nothing later has a say in them."""

from collections.abc import Iterator, Sequence

from eventsourcing.dcb.api import DCBQuery, DCBQueryItem

from api.export.span import Span
from api.export.table import Column, Progress, Row, Table, in_pages
from ledger.event_log import recorded
from ledger.events import AboutPayout, BonusEarned, Recorded, TransferSettled, payout_tag, type_names
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.status import payout_status
from ledger.store import LogRecorder

__all__ = ["as_table"]

PAYOUTS_AT_ONCE = 250

COLUMNS = (
    Column("payout_id"),
    Column("referral_id"),
    Column("referrer_id"),
    Column("referred_id"),
    Column("earned_position", "integer"),
    Column("earned_at", "time"),
    Column("earned_recorded_at", "time"),
    Column("tier"),
    Column("founding_spot", "integer"),
    Column("amount_minor", "integer"),
    Column("currency"),
    Column("status"),
    Column("attempts", "integer"),
    Column("destination"),
    Column("transfer_id"),
    Column("paid_at", "time"),
    Column("reversed_minor", "integer"),
)


def as_table(log: LogRecorder, span: Span, progress: Progress) -> Table:
    """In the order in which they were earned."""
    return Table(COLUMNS, _pages(log, span, progress))


def _pages(log: LogRecorder, span: Span, progress: Progress) -> Iterator[list[Row]]:
    earned = DCBQuery(items=[DCBQueryItem(types=type_names(BonusEarned), tags=[])])
    for bonuses in in_pages(map(recorded, span.read(log, earned)), PAYOUTS_AT_ONCE):
        stories = _stories(log, bonuses, span.until)
        yield [_row(bonus, stories[bonus.position]) for bonus in bonuses]
        progress(bonuses[-1].position)
    progress(span.until)


def _stories(log: LogRecorder, bonuses: Sequence[Recorded], until: int) -> dict[int, list[Recorded]]:
    """All that happened to each payout up to a position, by the position of its bonus."""
    place = {_payout_id(bonus): bonus.position for bonus in bonuses}
    found: dict[int, list[Recorded]] = {position: [] for position in place.values()}
    told = DCBQuery(items=[about(payout_tag(payout_id)) for payout_id in place])
    for happened in map(recorded, Span(min(found) - 1, until).read(log, told)):
        found[place[_payout_id(happened)]].append(happened)
    return found


def _payout_id(happened: Recorded) -> str:
    event = happened.event
    if not isinstance(event, AboutPayout):
        raise TypeError(f"{type(event).__name__} at position {happened.position} is not about a payout")
    return event.payout_id


def _row(earned: Recorded, story: Sequence[Recorded]) -> Row:
    payout = payouts.fold(story)
    if payout is None:
        raise TypeError(f"position {earned.position} earned no payout")
    settled = [happened for happened in story if isinstance(happened.event, TransferSettled)]
    sent = payout.settlement or (payout.unresolved.request if payout.unresolved is not None else None)
    bonus = payout.bonus
    return (
        bonus.payout_id,
        bonus.referral_id,
        bonus.referrer_id,
        bonus.referred_id,
        payout.earned_position,
        earned.occurred_at,
        earned.recorded_at,
        bonus.tier,
        bonus.founding_spot,
        bonus.amount_minor,
        bonus.currency,
        payout_status(payout),
        payout.attempt,
        sent.destination if sent is not None else None,
        payout.settlement.transfer_id if payout.settlement is not None else None,
        settled[-1].occurred_at if settled else None,
        payout.reversed_minor,
    )
