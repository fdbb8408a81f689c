"""What the read models said at any position of the log: folded from zero, in memory, into the very answers of the live ones.

No table is touched. The whole log is folded for totals; for one referral, payout or instructor, only the events that their
rows depend on, found by tag. Both go through `fold.apply`, and a property test holds the one against the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import EventLog
from ledger.events import (
    PLATFORM_FUNDS_TAG,
    PROGRAM_TERMS_TAG,
    STRIPE_CREDENTIALS_TAG,
    BankPayoutReported,
    BonusEarned,
    ReferralAttributed,
    TransferSettled,
    account_tag,
    instructor_tag,
    payout_tag,
    referral_tag,
    referrer_tag,
)
from ledger.history import about
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from projections import answers
from projections.answers import Surroundings, payout_view, referral_view
from projections.as_of import AsOf
from projections.fold import apply
from projections.rows import ReadModel
from projections.views import InstructorAsOf, PayoutView, ProgramTotals, ReferralView, Replayed

__all__ = ["Question", "Replay", "fold"]

EVENTS_BETWEEN_REPORTS = 2000

CONCERNS_EVERYBODY = (about(PROGRAM_TERMS_TAG), about(PLATFORM_FUNDS_TAG), about(STRIPE_CREDENTIALS_TAG))

OnProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: about the one that is named, or about everything. At most one is named."""

    referral_id: str | None = None
    instructor_id: str | None = None
    payout_id: str | None = None

    @property
    def named(self) -> list[str]:
        return [name for name in (self.referral_id, self.instructor_id, self.payout_id) if name is not None]


def fold(
    log: EventLog, until: int, boundary: Iterable[DCBQueryItem] = (), on_progress: OnProgress = lambda _: None
) -> ReadModel:
    """The read models of the events up to a position, of those inside `boundary` only if there is one.

    Raises UndigestibleEventError, and what `events.decode` raises. `on_progress` gets positions reached.
    """
    model = ReadModel(journal=None)
    for number, recorded in enumerate(log.stream(boundary, until=until)):
        apply(model, recorded)
        if number % EVENTS_BETWEEN_REPORTS == 0:
            on_progress(recorded.position)
    model.program.position = until
    return model


class Replay:
    """Answers as of any moment, from the log alone. The policy of payouts is today's: it is not part of the log.

    Every method raises UndigestibleEventError, UnknownEventTypeError, and the recorder's errors.
    """

    def __init__(self, log: EventLog, policy: Policy = PAY_AT_ONCE) -> None:
        self._log = log
        self._policy = policy

    def ask(
        self,
        question: Question,
        as_of: AsOf,
        on_progress: OnProgress = lambda _: None,
        *,
        most_referred: int | None = None,
    ) -> Replayed | None:
        """None: whatever is named did not exist then. `most_referred` of an instructor's referrals, the newest, are shown."""
        position, at = as_of.position, as_of.at
        if question.referral_id is not None:
            referral = self.referral(question.referral_id, as_of)
            return Replayed(position=position, at=at, referral=referral) if referral else None
        if question.payout_id is not None:
            payout = self.payout(question.payout_id, as_of)
            return Replayed(position=position, at=at, payout=payout) if payout else None
        if question.instructor_id is not None:
            instructor = self.instructor(question.instructor_id, as_of, most_referred)
            return Replayed(position=position, at=at, instructor=instructor)
        return Replayed(position=position, at=at, totals=self.totals(as_of, on_progress))

    def totals(self, as_of: AsOf, on_progress: OnProgress = lambda _: None) -> ProgramTotals:
        """Reads the whole log up to there."""
        return answers.totals(fold(self._log, as_of.position, on_progress=on_progress).program)

    def referral(self, referral_id: str, as_of: AsOf) -> ReferralView | None:
        """None: there was no such referral then."""
        model = self._fold_about(referral_tag(referral_id), as_of)
        return referral_as_of(model, referral_id, self._around(model, as_of))

    def payout(self, payout_id: str, as_of: AsOf) -> PayoutView | None:
        """None: there was no such payout then."""
        model = self._fold_about(payout_tag(payout_id), as_of)
        return payout_as_of(model, payout_id, self._around(model, as_of))

    def instructor(self, instructor_id: str, as_of: AsOf, most_referred: int | None = None) -> InstructorAsOf:
        """Zeros for an instructor whom no fact had mentioned then."""
        model = self.rows_of_instructor(instructor_id, as_of)
        return instructor_as_of(model, instructor_id, self._around(model, as_of), most_referred)

    def rows_of_instructor(self, instructor_id: str, as_of: AsOf) -> ReadModel:
        """Their own row, and the rows of all whom they referred."""
        return self._fold_about(referrer_tag(instructor_id), as_of, instructor_id)

    def _fold_about(self, tag: str, as_of: AsOf, *instructor_ids: str) -> ReadModel:
        """All that the rows behind one tag depend on.

        Their referrals and payouts carry the tag; where the referred and the referrers stand is told by the instructors' own
        events, and where the money went on to by the reports about the accounts that were paid to.
        """
        instructors, accounts = set(instructor_ids), set()
        for recorded in self._log.stream([about(tag)], until=as_of.position):
            match recorded.event:
                case ReferralAttributed() | BonusEarned() as event:
                    instructors |= {event.referred_id, event.referrer_id}
                case TransferSettled(destination=destination):
                    accounts.add(destination)
        boundary = [
            about(tag),
            *CONCERNS_EVERYBODY,
            *(about(instructor_tag(each)) for each in sorted(instructors)),
            *(about(account_tag(each), BankPayoutReported) for each in sorted(accounts)),
        ]
        return fold(self._log, as_of.position, boundary)

    def _around(self, model: ReadModel, as_of: AsOf) -> Surroundings:
        return surroundings(model, as_of, self._policy)


def surroundings(model: ReadModel, as_of: AsOf, policy: Policy) -> Surroundings:
    return Surroundings(model.program, model.instructors, model.bank_accounts, policy, as_of.at)


def referral_as_of(model: ReadModel, referral_id: str, around: Surroundings) -> ReferralView | None:
    row = model.referrals.get(referral_id)
    if row is None:
        return None
    return referral_view(row, model.payouts.get(row.payout_id or ""), around)


def payout_as_of(model: ReadModel, payout_id: str, around: Surroundings) -> PayoutView | None:
    row = model.payouts.get(payout_id)
    return payout_view(row, around) if row is not None else None


def instructor_as_of(
    model: ReadModel, instructor_id: str, around: Surroundings, most_referred: int | None = None
) -> InstructorAsOf:
    """With their referrals, newest attribution first."""
    referred = [row for row in model.referrals.values() if row.referrer_id == instructor_id]
    referred.sort(key=lambda row: row.attributed_position, reverse=True)
    return InstructorAsOf(
        stats=answers.stats(model.instructors.get(instructor_id), model.earnings.get(instructor_id), model.program),
        referred=[
            referral_view(row, model.payouts.get(row.payout_id or ""), around) for row in referred[:most_referred]
        ],
    )
