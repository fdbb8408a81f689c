"""Tells the story of anything that has an id: a referral, a payout, a transfer, an instructor, an event, or a total.

Stories come from the log, as it is when they are told; a total comes from the read models, whose figure it explains.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from ledger import identifiers
from ledger.event_log import EventLog
from ledger.events import (
    AboutPayout,
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutCancelled,
    Recorded,
    ReferralAttributed,
    TransferReversed,
    TransferSettled,
    instructor_tag,
    payout_tag,
    referral_tag,
    referrer_tag,
    transfer_tag,
)
from ledger.history import about
from ledger.major_units import money
from ledger.story.words import name_of
from projections.as_of import AsOf
from projections.queries import ReadModels
from projections.referral_events import ReferralEvents, events_of_referral
from projections.replay import Replay
from projections.story_lines import Telling
from projections.story_views import Story, StoryKind
from projections.story_words import headline_of_referral, headline_of_total, where_it_stands
from projections.sums import TOTALS, sum_of

__all__ = ["MOST_LINES", "Stories"]

MOST_LINES = 200
"""Of an instructor's story, the newest."""

LONGEST_CHAIN = 50

OF_REFERRED = (ReferralAttributed, BonusEarned, TransferSettled, TransferReversed, PayoutCancelled)


class Stories:
    """Raises the recorder's and psycopg's errors when the database is lost."""

    def __init__(self, log: EventLog, read_models: ReadModels, replay: Replay, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._read_models = read_models
        self._replay = replay
        self._clock = clock

    def explain(self, name: str) -> Story | None:
        """None: nothing is known by this name.

        Ids go first, since the platform may number its instructors: `position:3` and `total:paid_minor` mean nothing else.
        """
        now = AsOf(self._log.recorder.head(), self._clock())
        form, _, rest = name.partition(":")
        if form == "position":
            return self._event(_number(rest), now)
        if form == "total":
            return self._total(rest)
        return (
            self._referral(name, now)
            or self._instructor(name, now)
            or self._total(name)
            or self._event(self._position(name), now)
        )

    def _position(self, name: str) -> int | None:
        if (position := _number(name)) is not None:
            return position
        event_id = _uuid(name)
        return self._read_models.position_of(event_id) if event_id is not None else None

    def _total(self, name: str) -> Story | None:
        """Also by the group in which the totals show it: `bonuses.founding`, `money_minor.paid_minor`."""
        group, _, short = name.rpartition(".")
        name = short if group in ("", "bonuses", "money_minor") else name
        name = name if name in TOTALS else f"{name}_minor"
        if name not in TOTALS:
            return None
        found, founding = self._read_models.total(name)
        return Story(
            kind="total",
            id=name,
            position=founding.position,
            headline=headline_of_total(found, founding),
            lines=(),
            sums=(found,),
        )

    def _referral(self, name: str, now: AsOf) -> Story | None:
        """Of a referral, its payout or its transfer: one story, told for whichever was asked."""
        kinds: dict[str, StoryKind] = {
            referral_tag(name): "referral",
            payout_tag(name): "payout",
            transfer_tag(name): "transfer",
        }
        found, _ = self._log.read([about(tag) for tag in kinds], limit=1)
        referral = self._referral_behind(found[0], now) if found else None
        if referral is None:
            return None
        kind = next(kind for tag, kind in kinds.items() if tag in found[0].event.tags())
        view = self._replay.referral(referral.attribution.referral_id, now)
        return Story(
            kind=kind,
            id=name,
            position=now.position,
            headline=headline_of_referral(kind, referral),
            lines=Telling.by(self._log).lines(referral.events),
            now=where_it_stands(view) if view is not None else None,
            see_also=tuple(each for each in referral.ids if each != name),
        )

    def _instructor(self, instructor_id: str, now: AsOf) -> Story | None:
        """Their own events, and what came of those whom they referred."""
        of_referred = about(referrer_tag(instructor_id), *OF_REFERRED)
        events = list(self._log.stream([about(instructor_tag(instructor_id)), of_referred], until=now.position))
        if not events:
            return None
        model = self._replay.rows_of_instructor(instructor_id, now)
        earnings, currency = model.earnings_of(instructor_id), model.program.currency
        referred = [row.referred_id for row in model.referrals.values() if row.referrer_id == instructor_id]
        payouts = [row for row in model.payouts.values() if row.referrer_id == instructor_id]
        steps = [about(instructor_tag(each), InstructorWentLive, FirstLessonCompleted) for each in referred]
        causes = self._log.stream([about(referrer_tag(instructor_id)), *steps], until=now.position)
        earned, paid = money(earnings.earned_minor, currency), money(earnings.paid_minor, currency)
        return Story(
            kind="instructor",
            id=instructor_id,
            position=now.position,
            headline=f"{instructor_id} referred {len(referred)}, earned {earned} and was paid {paid}.",
            lines=Telling.by(self._log).lines(events[-MOST_LINES:], causes),
            left_out=max(0, len(events) - MOST_LINES),
            sums=(sum_of(earnings, payouts, currency),) if payouts else (),
        )

    def _event(self, position: int | None, now: AsOf) -> Story | None:
        """What led to it, itself, and what came of it at once."""
        if position is None or not 0 < position <= now.position:
            return None
        found, _ = self._log.read(after=position - 1, limit=1)
        if not found:
            return None
        event = found[0]
        referral = self._referral_behind(event, now)
        beside = {
            each.event_id: each for each in (*(referral.events if referral else ()), *self._own_events(event, now))
        }
        chain = [event]
        while len(chain) < LONGEST_CHAIN and (cause := self._cause(chain[0], beside)) is not None:
            chain.insert(0, cause)
        effects = [each for each in beside.values() if each.causation_id == str(event.event_id)]
        return Story(
            kind="event",
            id=str(position),
            position=now.position,
            headline=f"Position {position}, {name_of(event.event)}: what led to it, and what came of it at once.",
            lines=Telling.by(self._log).lines([*chain, *effects], beside.values()),
            see_also=referral.ids if referral else (),
        )

    def _referral_behind(self, recorded: Recorded, now: AsOf) -> ReferralEvents | None:
        """The referral that an event is about, or brings on."""
        match recorded.event:
            case ReferralAttributed(referral_id=referral_id) | AboutPayout(referral_id=referral_id):
                return events_of_referral(self._log, referral_id, now.position)
            case event:
                instructor_id = getattr(event, "instructor_id", None)
                if instructor_id is None:
                    return None
                return events_of_referral(self._log, identifiers.referral_id(instructor_id), now.position)

    def _own_events(self, recorded: Recorded, now: AsOf) -> list[Recorded]:
        instructor_id = getattr(recorded.event, "instructor_id", None)
        if instructor_id is None:
            return []
        return list(self._log.stream([about(instructor_tag(instructor_id))], until=now.position))

    def _cause(self, event: Recorded, beside: Mapping[UUID, Recorded]) -> Recorded | None:
        event_id = _uuid(event.causation_id or "")
        if event_id is None or event_id in beside:
            return beside.get(event_id) if event_id is not None else None
        position = self._read_models.position_of(event_id)
        found = self._log.read(after=position - 1, limit=1)[0] if position is not None else []
        return found[0] if found else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
