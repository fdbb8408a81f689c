"""The to-do list of the payout process: a table that wakes workers up, kept by following the log.

Losing a row, or finding one too many, is harmless: a worker decides from the log alone. The list and its checkpoint move
in one transaction, so a row cannot be forgotten. Any number of workers may follow; the checkpoint's row lock takes turns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.events import (
    AccountNoticed,
    ApprovalGranted,
    ApprovalRefused,
    BonusEarned,
    PayoutAccountUpdated,
    PayoutReleased,
    PayoutRetryAuthorized,
    PlatformFundsAvailable,
    Recorded,
    StripeCredentialsAccepted,
    TransferNoticed,
    TransferSettled,
    account_tag,
)
from ledger.named_queries import named_queries
from ledger.reasons import Reason

QUERIES = named_queries("ledger.payouts", "todo.sql")
BATCH_SIZE = 5000
ONLY_LOOKING = [Reason.ACCOUNT_DECLINED.value]
CLOCKS_MAY_DIFFER = timedelta(minutes=5)
LEASE_SECONDS = 60.0
"""How long the payouts of a worker that was killed wait for another: twice what a call may take. Too short costs nothing
but a call to Stripe under the same key."""


class ClocksDifferError(Exception):
    """The database's clock and ours are so far apart that the age of an idempotency key cannot be told."""

    def __init__(self, ours_ahead_by: timedelta) -> None:
        super().__init__(f"our clock is ahead of the database's by {ours_ahead_by.total_seconds():.0f} s")
        self.ours_ahead_by = ours_ahead_by


@dataclass(frozen=True, slots=True)
class Claim:
    """A payout to look at. `wakeups` is handed back, so that a wake-up in between is not lost; `leased_until` tells this lease
    from a later one.
    """

    payout_id: str
    wakeups: int
    leased_until: datetime


@dataclass
class Changes:
    """What a batch of events means for the list."""

    owed: dict[str, str] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    woken: dict[str, str] = field(default_factory=dict)
    changed_accounts: set[str] = field(default_factory=set)
    noticed_accounts: set[str] = field(default_factory=set)
    solved: set[Reason] = field(default_factory=set)

    @classmethod
    def of(cls, events: Iterable[Recorded]) -> "Changes":
        changes = cls()
        for recorded in events:
            match recorded.event:
                case BonusEarned(payout_id=payout_id, referrer_id=referrer_id):
                    changes.owed[payout_id] = referrer_id
                case TransferSettled(payout_id=payout_id):
                    changes.settled.add(payout_id)
                case (
                    TransferNoticed()
                    | PayoutReleased()
                    | ApprovalGranted()
                    | ApprovalRefused()
                    | PayoutRetryAuthorized()
                ) as event:
                    changes.woken[event.payout_id] = event.referrer_id
                case PayoutAccountUpdated(instructor_id=instructor_id):
                    changes.changed_accounts.add(instructor_id)
                case AccountNoticed(stripe_account_id=stripe_account_id):
                    changes.noticed_accounts.add(stripe_account_id)
                case PlatformFundsAvailable():
                    changes.solved |= {Reason.INSUFFICIENT_FUNDS, Reason.RETRIES_EXHAUSTED}
                case StripeCredentialsAccepted():
                    changes.solved.add(Reason.STRIPE_CREDENTIALS_REJECTED)
                case _:
                    pass
        return changes


class TodoList:
    """The list in PostgreSQL. Synchronous; each method is one short transaction."""

    def __init__(self, pool: ConnectionPool, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._pool = pool
        self._clock = clock

    def follow(self, log: EventLog) -> int:
        """Take in what was recorded since the checkpoint. Returns the position reached."""
        while True:
            with self._pool.connection() as connection, connection.transaction():
                position = _position(connection, QUERIES["lock_checkpoint"])
                events, _ = log.read(after=position, limit=BATCH_SIZE)
                if not events:
                    return position
                _apply(connection, Changes.of(events))
                position = events[-1].position
                connection.execute(QUERIES["move_checkpoint"], {"position": position})
            if len(events) < BATCH_SIZE:
                return position

    def position(self) -> int:
        with self._pool.connection() as connection:
            return _position(connection, QUERIES["read_checkpoint"])

    def claim(self, limit: int, lease_seconds: float = LEASE_SECONDS) -> list[Claim]:
        """Due payouts, leased to the caller. Leases only save work; nothing depends on them for correctness.

        Raises ClocksDifferError: keys are first sent by the database's clock, and sent again by ours.
        """
        with self._pool.connection() as connection:
            self._compare_clocks(connection)
            rows = connection.execute(QUERIES["claim"], {"limit": limit, "lease_seconds": lease_seconds}).fetchall()
        return [Claim(*row) for row in rows]

    def _compare_clocks(self, connection: Connection[TupleRow]) -> None:
        row = connection.execute(QUERIES["read_clock"]).fetchone()
        ours_ahead_by = self._clock() - row[0] if row else timedelta(0)
        if abs(ours_ahead_by) > CLOCKS_MAY_DIFFER:
            raise ClocksDifferError(ours_ahead_by)

    def put_back(self, claim: Claim, waiting_for: Reason, due_at: datetime | None) -> None:
        """Look at it again at `due_at` (None: when something happens)."""
        with self._pool.connection() as connection:
            connection.execute(
                QUERIES["put_back"],
                {
                    "payout_id": claim.payout_id,
                    "wakeups": claim.wakeups,
                    "leased_until": claim.leased_until,
                    "waiting_for": waiting_for.value,
                    "due_at": due_at,
                },
            )

    def finish(self, claim: Claim) -> None:
        """Nothing is owed any more: take it off the list, unless it was woken meanwhile; then it stays due."""
        with self._pool.connection() as connection:
            connection.execute(QUERIES["finish"], {"payout_id": claim.payout_id, "wakeups": claim.wakeups})

    def sweep(self, interval: timedelta) -> int | None:
        """Put back on the list what the log says is owed, or has to be followed up, and nobody is looking at. Returns how many.

        None: somebody did it within the interval. Nothing should ever be found: this is the net below everything else. It rests
        on the log alone. What a sweep finds ended is ended for good, so the next looks only at what was open, and at what is new.
        """
        with self._pool.connection() as connection, connection.transaction():
            if connection.execute(QUERIES["begin_sweep"], {"interval": interval}).fetchone() is None:
                return None
            followed = {"position": _position(connection, QUERIES["read_checkpoint"])}
            for each in ("note_open", "note_ended", "end_looking"):
                connection.execute(QUERIES[each], followed)
            found = connection.execute(QUERIES["sweep_owed"], followed).rowcount
            return found + connection.execute(QUERIES["sweep_settled"]).rowcount

    def told_until(self) -> datetime | None:
        """Until when everything that Stripe told was heard, missed webhooks included."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["told_until"]).fetchone()
        return row[0] if row else None

    def heard_until(self, moment: datetime) -> None:
        with self._pool.connection() as connection:
            connection.execute(QUERIES["heard_until"], {"moment": moment})

    def pay_in_mode(self, mode: str) -> str:
        """The mode of Stripe's in which payouts are made, from now on if nothing was paid before: the caller's, or another."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["pay_in_mode"], {"mode": mode}).fetchone()
        return str(row[0]) if row else mode

    def is_quiet(self, horizon_seconds: float = 0.0) -> bool:
        """Whether nothing is due within the horizon, and nothing is being worked on."""
        with self._pool.connection() as connection:
            row = connection.execute(
                QUERIES["quiet"], {"horizon_seconds": horizon_seconds, "only_looking": ONLY_LOOKING}
            ).fetchone()
        return bool(row and row[0])

    def next_due_in_seconds(self) -> float | None:
        """How long until something is due (negative: overdue); None if nothing is scheduled."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["next_due_in_seconds"]).fetchone()
        return row[0] if row else None


def _position(connection: Connection[TupleRow], query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _apply(connection: Connection[TupleRow], changes: Changes) -> None:
    if changes.owed:
        connection.execute(
            QUERIES["add"], {"payout_ids": list(changes.owed), "referrer_ids": list(changes.owed.values())}
        )
    if changes.changed_accounts:
        connection.execute(QUERIES["wake_referrers"], {"referrer_ids": list(changes.changed_accounts)})
    if changes.noticed_accounts:
        tags = [account_tag(account_id) for account_id in changes.noticed_accounts]
        connection.execute(QUERIES["wake_owners"], {"account_tags": tags})
    if changes.solved:
        connection.execute(QUERIES["wake_waiting_for"], {"reasons": [reason.value for reason in changes.solved]})
    if changes.settled:
        connection.execute(QUERIES["remove"], {"payout_ids": list(changes.settled)})
        connection.execute(QUERIES["wake_settled"], {"payout_ids": list(changes.settled)})  # those that are left
    if changes.woken:
        connection.execute(
            QUERIES["add_or_wake"], {"payout_ids": list(changes.woken), "referrer_ids": list(changes.woken.values())}
        )
