"""The events of one referral, from the code to the money, found by tag."""

from dataclasses import dataclass

from ledger.event_log import EventLog
from ledger.events import (
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    Recorded,
    ReferralAttributed,
    ReferralCodeIssued,
    TransferSettled,
    code_tag,
    instructor_tag,
    referral_tag,
)
from ledger.history import about

__all__ = ["ReferralEvents", "events_of_referral"]


@dataclass(frozen=True, slots=True)
class ReferralEvents:
    """In the order of the log. Of the referrer's account facts, those that mattered for this payout."""

    attribution: ReferralAttributed
    bonus: BonusEarned | None
    settlement: TransferSettled | None
    events: list[Recorded]

    @property
    def ids(self) -> tuple[str, ...]:
        """Everything in it that has a story."""
        money = (self.bonus.payout_id,) if self.bonus is not None else ()
        moved = (self.settlement.transfer_id,) if self.settlement is not None else ()
        return (
            self.attribution.referral_id,
            *money,
            *moved,
            self.attribution.referrer_id,
            self.attribution.referred_id,
        )


def events_of_referral(log: EventLog, referral_id: str, until: int) -> ReferralEvents | None:
    """None: nobody was referred like that up to this position."""
    told = list(log.stream([about(referral_tag(referral_id))], until=until))
    attribution = next((each.event for each in told if isinstance(each.event, ReferralAttributed)), None)
    if attribution is None:
        return None
    steps = [
        about(code_tag(attribution.code), ReferralCodeIssued),
        about(instructor_tag(attribution.referred_id), InstructorWentLive, FirstLessonCompleted),
    ]
    accounts = log.stream([about(instructor_tag(attribution.referrer_id), PayoutAccountUpdated)], until=until)
    earned = next((each for each in told if isinstance(each.event, BonusEarned)), None)
    settled = next((each for each in told if isinstance(each.event, TransferSettled)), None)
    events = [*told, *log.stream(steps, until=until), *_that_mattered(list(accounts), earned, settled)]
    return ReferralEvents(
        attribution=attribution,
        bonus=earned.event if earned is not None and isinstance(earned.event, BonusEarned) else None,
        settlement=settled.event if settled is not None and isinstance(settled.event, TransferSettled) else None,
        events=sorted(events, key=lambda each: each.position),
    )


def _that_mattered(accounts: list[Recorded], earned: Recorded | None, settled: Recorded | None) -> list[Recorded]:
    """The account known when the bonus was earned, and what was told of it until the payout was settled."""
    if earned is None:
        return []
    before = [each for each in accounts if each.position < earned.position][-1:]
    since = [each for each in accounts if each.position > earned.position]
    return before + [each for each in since if settled is None or each.position < settled.position]
