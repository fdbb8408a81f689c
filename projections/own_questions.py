"""What an instructor's dashboard asks for all the time, apart from how it is asked: a statement, and its rows as an answer. Pure.

Pages ask on a thread (`queries`), the JSON routes from the event loop (`own_reads`); both get what is worked out here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from psycopg.sql import SQL, Composable, Identifier

from ledger.named_queries import named_queries
from ledger.payouts.payout import Payout
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from projections import answers
from projections.answers import PayoutOfReferral, ReferralFields, Surroundings
from projections.rows import BankAccountRow, EarningsRow, InstructorRow, ProgramRow, ReferralRow, Row
from projections.views import InstructorStats

__all__ = ["OwnQuestions", "Question", "ReferralsPage", "Rows", "apart", "together"]

QUERIES = named_queries("projections", "own_questions.sql")
NO_BOUND = 2**62
MOST_PAYOUTS = 2048

Rows = Sequence[tuple[Any, ...]]
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """Questions of one `statement` may be asked together: see `together` and `apart`."""

    statement: bytes
    parameters: Mapping[str, object]
    most_rows: int
    answer: Callable[[Rows], AnswerT]
    """From its own rows."""


def together(questions: Sequence[Question[Any]]) -> list[str]:
    """The parameters of their statement: one document, since psycopg takes far longer over lists."""
    return [orjson.dumps([question.parameters for question in questions]).decode()]


def apart(rows: Rows, count: int) -> list[Rows]:
    """The statement's rows by question. Each of `count` has at least one."""
    found: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
    for row in rows:
        found[row[0] - 1].append(row)
    return [*found]


class ReferralsPage(NamedTuple):
    """Referrals, newest attribution first. `names`: those that came along, by instructor; `next_after` None: the last page."""

    items: list[ReferralFields]
    names: dict[str, str]
    next_after: int | None
    position: int


class OwnQuestions:
    """`clock` only tells whether a scheduled attempt lies ahead. `with_names`: of the referred, where the reader may see them."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        policy: Policy = PAY_AT_ONCE,
        *,
        with_names: bool = False,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._stats = SQL(QUERIES["stats"]).format(earnings=_columns(EarningsRow)).as_bytes()
        self._referred = (
            SQL(QUERIES["referred"])
            .format(
                display_name=SQL(QUERIES["display_name"] if with_names else "NULL"),
                bank_account=_columns(BankAccountRow),
                referral=_columns(ReferralRow),
            )
            .as_bytes()
        )

    def stats(self, instructor_id: str) -> Question[InstructorStats]:
        """Zeros for an instructor whom no fact has mentioned."""
        return Question(self._stats, {"instructor_id": instructor_id}, 1, _stats)

    def referred(self, referrer_id: str, *, limit: int, after: int | None = None) -> Question[ReferralsPage]:
        """A referrer's referrals, newest attribution first."""
        parameters = {"referrer_id": referrer_id, "before": after or NO_BOUND, "most": limit + 1}
        return Question(self._referred, parameters, limit + 1, lambda rows: self._referrals(rows, referrer_id, limit))

    def _referrals(self, rows: Rows, referrer_id: str, limit: int) -> ReferralsPage:
        _, position, funds_position, rejected_at, account_id, is_active, updated_at, account_position, *_ = rows[0]
        instructor = InstructorRow(
            referrer_id,
            stripe_account_id=account_id,
            transfers_active=is_active,
            account_updated_at=updated_at,
            account_position=account_position,
        )
        bank_accounts: dict[str, BankAccountRow] = {}
        around = Surroundings(
            program=ProgramRow(
                position=position or 0, funds_position=funds_position or 0, credentials_rejected_at=rejected_at
            ),
            instructors={referrer_id: instructor},
            bank_accounts=bank_accounts,
            policy=self._policy,
            now=self._clock(),
        )
        items: list[ReferralFields] = []
        names: dict[str, str] = {}
        for row in rows[:limit]:
            status, destination, transfer_id, settled_at, state, display_name = row[_PAYOUT]
            if row[_REFERRAL][0] is None:
                break  # the row that is there if nothing else is
            referral = ReferralRow(*row[_REFERRAL])
            payout = PayoutOfReferral(status, destination, transfer_id, settled_at, _payout(state)) if state else None
            if row[_BANK_ACCOUNT][0] is not None:
                bank_accounts[destination] = BankAccountRow(*row[_BANK_ACCOUNT])
            if display_name is not None:
                names[referral.referred_id] = display_name
            items.append(answers.referral_fields(referral, payout, around))
        is_more = len(rows) > limit
        last = rows[limit - 1][_REFERRAL][_ATTRIBUTED_POSITION] if is_more else None
        return ReferralsPage(items, names, last, around.program.position)


def _stats(rows: Rows) -> InstructorStats:
    ((_, position, currency, codes, live_at, *sums),) = rows
    program = ProgramRow() if position is None else ProgramRow(position=position, currency=currency)
    instructor = None if codes is None else InstructorRow("", codes=codes, live_at=live_at)
    return answers.stats(instructor, None if sums[-1] is None else EarningsRow(*sums), program)


@lru_cache(maxsize=MOST_PAYOUTS)
def _payout(state: str) -> Payout:
    """A payout is frozen, and is what its text says: the same text again need not be read again."""
    return Payout.model_validate_json(state)


def _columns(kind: type[Row]) -> Composable:
    return SQL(", ").join(Identifier(kind.table, column) for column in kind.columns())


_PAYOUT = slice(8, 14)
_BANK_ACCOUNT = slice(_PAYOUT.stop, _PAYOUT.stop + len(BankAccountRow.columns()))
_REFERRAL = slice(_BANK_ACCOUNT.stop, None)
_ATTRIBUTED_POSITION = ReferralRow.columns().index("attributed_position")
