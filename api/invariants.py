"""The invariants of DESIGN section 11, checked on a ledger as it is now, also while it works.

Each check says what was compared and what is wrong. 1, 2 and 5 hold on the log alone; 3 needs the books of whoever paid,
4 the to-do list, 6 the read models, 7 the journal. 8 is about other histories, and the tests play those.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg_pool import ConnectionPool

from api.books_census import BooksCensus
from api.census import PROBLEMS_KEPT, Census
from ledger.event_log import EventLog
from ledger.events import TransferSettled
from ledger.named_queries import named_queries
from ledger.payouts.explain import explain
from ledger.status import payout_status
from projections.journal import Journal
from projections.journal_views import TrialBalance
from projections.rebuild import Difference, compare_with_replay

__all__ = ["Check", "Evidence", "Transfers", "check_all", "judge"]

QUERIES = named_queries("api", "invariants.sql")

Transfers = Mapping[str, Sequence[Mapping[str, Any]]]
"""Every transfer that Stripe holds, by payout: `id`, `amount`, `net`, `currency`, `destination`. Amounts in minor units."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `problems` is empty where it holds; `compared` says what that means."""

    number: int
    claim: str
    compared: str
    problems: tuple[str, ...] = ()
    is_open: bool = False
    """It could not be checked here; `compared` says why."""

    @property
    def holds(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is looked at. What only grows is read before and after the log, so that a ledger at work raises no alarm."""

    census: Census
    followed: int = 0
    """Up to this position the log had been taken into the to-do list …"""
    todo: frozenset[str] = frozenset()
    """… and these payouts were on it, before the log was read."""
    transfers_before: Transfers | None = None
    transfers_after: Transfers | None = None
    """Stripe's books before and after the log was read; None: we cannot see them."""
    differences: Sequence[Difference] = ()
    """Between the read models and a replay of the log."""
    trial_balance: TrialBalance | None = None
    """Of the read models, as of the position for which the census keeps balances; None: it was not asked for."""
    unbalanced: Sequence[int] = ()
    """Positions of entries in the read models that do not sum to zero."""


def check_all(
    log: EventLog,
    pool: ConnectionPool,
    read_transfers: Callable[[], Transfers] | None,
    now: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[Check]:
    """Look at everything, and judge it. `pool` connects as the owner."""
    on_progress("the to-do list and Stripe's books")
    followed, todo = _todo(pool)
    journal = Journal(pool)
    posted_until = journal.trial_balance().position
    transfers_before = read_transfers() if read_transfers is not None else None
    on_progress("the log")
    census = Census.of(log.stream(), balances_at=posted_until)
    trial_balance = journal.trial_balance(as_of=posted_until)
    transfers_after = read_transfers() if read_transfers is not None else None
    on_progress("a replay from zero")
    differences = compare_with_replay(pool, log)
    evidence = Evidence(
        census=census,
        followed=followed,
        todo=todo,
        transfers_before=transfers_before,
        transfers_after=transfers_after,
        differences=differences,
        trial_balance=trial_balance,
        unbalanced=journal.unbalanced(PROBLEMS_KEPT),
    )
    return judge(evidence, now)


def judge(evidence: Evidence, now: datetime) -> list[Check]:
    """The invariants, in their order."""
    census = evidence.census
    return [
        _once(census),
        _founding(census),
        _stripe(census, evidence.transfers_before, evidence.transfers_after),
        _none_forgotten(census, evidence.followed, evidence.todo, now),
        Check(
            5,
            "positions have no gap",
            f"positions 1 to {census.head} follow each other, in the order of recording",
            tuple(census.disorder),
        ),
        Check(
            6,
            "every read model equals a replay of the log from zero",
            "all tables, row by row",
            tuple(f"{each.table}: live {each.live}, replayed {each.rebuilt}" for each in evidence.differences),
        ),
        _balanced(census.books, evidence.trial_balance, evidence.unbalanced),
    ]


def _once(census: Census) -> Check:
    by_referral = Counter(bonus.referral_id for bonus in census.bonuses)
    by_payout = Counter(bonus.payout_id for bonus in census.bonuses)
    problems = [f"{name} was attributed {count} times" for name, count in census.attributions.items() if count > 1]
    problems += [f"{name} earned {count} bonuses" for name, count in by_referral.items() if count > 1]
    problems += [f"{name} is the payout of {count} bonuses" for name, count in by_payout.items() if count > 1]
    problems += [
        f"{bonus.referred_id} earned, and was never attributed"
        for bonus in census.bonuses
        if bonus.referred_id not in census.attributions
    ]
    problems += [f"{name} settled {len(found)} times" for name, found in census.settlements.items() if len(found) > 1]
    problems += [f"{name} settled, and was never owed" for name in census.settlements if name not in by_payout]
    return Check(
        1,
        "one attribution per referred instructor, one bonus per referral, one payout per bonus",
        f"{len(census.attributions)} attributions, {len(census.bonuses)} bonuses, {len(by_payout)} payouts, "
        f"{len(census.settlements)} settled",
        tuple(problems),
    )


def _founding(census: Census) -> Check:
    founding = [bonus for bonus in census.bonuses if bonus.tier == "founding"]
    spots = [bonus.founding_spot for bonus in founding]
    problems = [
        f"{bonus.referral_id} has founding spot {bonus.founding_spot} of {bonus.founding_cap}"
        for bonus in founding
        if bonus.founding_spot is None or bonus.founding_spot > bonus.founding_cap
    ]
    if spots != list(range(1, len(spots) + 1)):
        problems.append(f"the {len(spots)} founding spots are not numbered 1 to {len(spots)} in the order of the log")
    compared = f"{len(founding)} founding of {len(census.bonuses)} bonuses; the cap was {_listed(census.founding_caps)}"
    if len(census.founding_caps) == 1:
        expected = min(*census.founding_caps, len(census.bonuses))
        if len(founding) != expected:
            problems.append(f"{len(founding)} founding bonuses, and {expected} were due")
    return Check(2, "founding bonuses fill the cap exactly", compared, tuple(problems))


def _stripe(census: Census, before: Transfers | None, after: Transfers | None) -> Check:
    claim = "Stripe holds one net transfer for each settled payout, and nothing else"
    if before is None or after is None:
        return Check(3, claim, "not checked: Stripe's books cannot be seen from here", is_open=True)
    problems = [
        f"{payout_id}: Stripe holds {count} net transfers"
        for payout_id, held in after.items()
        if (count := sum(transfer["net"] > 0 for transfer in held)) > 1
    ]
    problems += [
        f"{payout_id}: the log has {settled.transfer_id}, Stripe does not hold it as settled"
        for payout_id, settlements in census.settlements.items()
        for settled in settlements
        if not any(_is_same(settled, transfer) for transfer in after.get(payout_id, ()))
    ]
    problems += [
        f"{payout_id or 'no payout'}: Stripe holds {transfer['id']}, the log does not know of it"
        for payout_id, transfer in _each(before)
        if not _is_known(census, payout_id, transfer["id"])
    ]
    settled = [settlement for settlements in census.settlements.values() for settlement in settlements]
    held = sum(len(transfers) for transfers in after.values())
    sums = _listed(_sums(settled))
    return Check(3, claim, f"{len(settled)} settled on the log, {held} at Stripe, one by one: {sums}", tuple(problems))


def _each(transfers: Transfers) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for payout_id, held in transfers.items():
        for transfer in held:
            yield payout_id, transfer


def _is_same(settled: TransferSettled, transfer: Mapping[str, Any]) -> bool:
    said = (settled.transfer_id, settled.amount_minor, settled.currency, settled.destination)
    return said == tuple(transfer[name] for name in ("id", "amount", "currency", "destination"))


def _is_known(census: Census, payout_id: str, transfer_id: str) -> bool:
    """Settled on the log, or an attempt whose outcome is still open."""
    payout = census.payouts.get(payout_id)
    in_flight = payout is not None and payout.unresolved is not None
    return in_flight or any(settled.transfer_id == transfer_id for settled in census.settlements.get(payout_id, ()))


def _sums(settled: Sequence[TransferSettled]) -> list[str]:
    sums: Counter[str] = Counter()
    for settlement in settled:
        sums[settlement.currency] += settlement.amount_minor
    return [f"{amount_minor} {currency} (minor units)" for currency, amount_minor in sums.items()]


def _none_forgotten(census: Census, followed: int, todo: frozenset[str], now: datetime) -> Check:
    states: Counter[str] = Counter()
    problems = []
    for payout_id, payout in census.payouts.items():
        status = payout_status(payout)
        if payout.phase == "settled":
            states[status] += 1
            continue
        waits = explain(payout, census.accounts.get(payout.bonus.referrer_id), census.platform, now)
        states[f"{status} ({waits.reason.value.replace('_', ' ')})"] += 1
        if payout.earned_position <= followed and payout_id not in todo:
            problems.append(f"{payout_id} is {status} and on nobody's list")
    compared = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no payouts"
    return Check(4, "every payout is settled, or waits with a reason; none is forgotten", compared, tuple(problems))


def _balanced(books: BooksCensus, trial_balance: TrialBalance | None, unbalanced: Sequence[int]) -> Check:
    problems = [f"the entry at position {position} does not sum to zero" for position in unbalanced]
    problems += books.differences()
    compared = f"{books.entries} entries, payable of {len(books.owed)} instructors"
    if trial_balance is not None:
        compared += f", and the journal's trial balance at position {books.balances_at}"
        for each in trial_balance.accounts:
            folded = books.sides[each.account.value, each.currency]
            if (each.debit_minor, each.credit_minor) != (folded.debit_minor, folded.credit_minor):
                problems.append(
                    f"{each.account}: the journal has {each.debit_minor} debits and {each.credit_minor} credits, "
                    f"the log {folded.debit_minor} and {folded.credit_minor} {each.currency} (minor units)"
                )
    return Check(7, "every entry sums to zero, and payable is what is owed", compared, tuple(problems))


def _todo(pool: ConnectionPool) -> tuple[int, frozenset[str]]:
    with pool.connection() as connection:
        row = connection.execute(QUERIES["todo"]).fetchone()
    return (row[0], frozenset(row[1])) if row is not None else (0, frozenset())


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values) or "none"
