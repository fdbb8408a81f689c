"""The to-do list in memory: the same as `todo.sql`, statement by statement. `test_todo_list` holds the two together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.event_log import EventLog
from ledger.events import (
    ApprovalGranted,
    BonusEarned,
    Event,
    PayoutAccountUpdated,
    PayoutCancelled,
    Recorded,
    ReversalFailed,
    ReversalRequested,
    TransferConfirmed,
    TransferNoticed,
    TransferReversed,
    TransferSettled,
    account_tag,
    payout_tag,
)
from ledger.history import about
from ledger.payouts.todo import LEASE_SECONDS, Changes, Claim, TodoList
from ledger.reasons import Reason
from tests.simulation.chronicle import BEGINNING, payout_in
from tests.simulation.storage import Trouble

BATCH_SIZE = 4


@dataclass
class Row:
    """A payout to look at. Moments are seconds since the beginning."""

    payout_id: str
    referrer_id: str
    due_at: float | None
    leased_until: float | None = None
    waiting_for: Reason | None = None
    wakeups: int = 0


class InMemoryTodoList(TodoList):
    """The same as `todo.sql`, statement by statement. What is one transaction there happens at once here, or not at all."""

    def __init__(
        self, log: EventLog, seconds: Callable[[], float], trouble: Trouble, on_due: Callable[[float], None]
    ) -> None:
        self.rows: dict[str, Row] = {}
        self.checkpoint = 0
        self._swept_at = float("-inf")
        self._told_until: datetime | None = None
        self._log = log
        self._seconds = seconds
        self._trouble = trouble
        self._on_due = on_due

    def follow(self, log: EventLog) -> int:
        while True:
            self._trouble.may_lose_connection()
            events, _ = log.read(after=self.checkpoint, limit=BATCH_SIZE)
            if not events:
                return self.checkpoint
            changes = Changes.of(events)
            owners = self._owners(log, changes.noticed_accounts)
            noticed = self._noticed(log, changes.settled)
            self._trouble.may_lose_connection()
            self._take_in(changes, owners, noticed, events[-1].position)

    def _owners(self, log: EventLog, stripe_account_ids: set[str]) -> set[str]:
        named = [about(account_tag(account_id), PayoutAccountUpdated) for account_id in sorted(stripe_account_ids)]
        updates = log.read(named)[0] if named else []
        return {each.event.instructor_id for each in updates if isinstance(each.event, PayoutAccountUpdated)}

    def _noticed(self, log: EventLog, payout_ids: set[str]) -> set[str]:
        notices = [about(payout_tag(payout_id), TransferNoticed) for payout_id in sorted(payout_ids)]
        return {payout_in(each.event) for each in (log.read(notices)[0] if notices else [])}

    def _take_in(self, changes: Changes, owners: set[str], noticed: set[str], position: int) -> None:
        """One transaction: the batch and the checkpoint."""
        self._apply(changes, owners, noticed)
        self.checkpoint = position

    def _apply(self, changes: Changes, owners: set[str], noticed: set[str]) -> None:
        now = self._seconds()
        for payout_id, referrer_id in changes.owed.items():
            self.rows.setdefault(payout_id, Row(payout_id, referrer_id, due_at=now))
        for row in self.rows.values():
            if row.referrer_id in changes.changed_accounts:
                _wake(row, now)
            if row.referrer_id in owners:
                _wake(row, now)
            if changes.solved and (row.waiting_for in changes.solved or row.leased_until is not None):
                _wake(row, now)
        for payout_id in changes.settled & self.rows.keys():
            if payout_id in noticed:
                _wake(self.rows[payout_id], now)
                self.rows[payout_id].leased_until = None
            else:
                del self.rows[payout_id]
        for payout_id, referrer_id in changes.woken.items():
            if payout_id in self.rows:
                _wake(self.rows[payout_id], now)
            else:
                self.rows[payout_id] = Row(payout_id, referrer_id, due_at=now, wakeups=self.checkpoint + 1)

    def position(self) -> int:
        return self.checkpoint

    def claim(self, limit: int, lease_seconds: float = LEASE_SECONDS) -> list[Claim]:
        self._trouble.may_lose_connection()
        now = self._seconds()
        due = [row for row in self.rows.values() if _is_past(row.due_at, now) and not _is_future(row.leased_until, now)]
        due.sort(key=lambda row: row.due_at or 0.0)
        for row in due[:limit]:
            row.leased_until = now + lease_seconds
        until = BEGINNING + timedelta(seconds=now + lease_seconds)
        return [Claim(row.payout_id, row.wakeups, until) for row in due[:limit]]

    def put_back(self, claim: Claim, waiting_for: Reason, due_at: datetime | None) -> None:
        self._trouble.may_lose_connection()
        row = self.rows.get(claim.payout_id)
        if row is None or row.leased_until is None:
            return
        if BEGINNING + timedelta(seconds=row.leased_until) == claim.leased_until:
            row.leased_until = None
        row.waiting_for = waiting_for
        if row.wakeups == claim.wakeups:
            row.due_at = None if due_at is None else (due_at - BEGINNING).total_seconds()
        else:
            row.due_at = self._seconds()
        if row.due_at is not None:
            self._on_due(row.due_at)

    def finish(self, claim: Claim) -> None:
        self._trouble.may_lose_connection()
        row = self.rows.get(claim.payout_id)
        if row is not None and row.wakeups == claim.wakeups:
            del self.rows[claim.payout_id]
        elif row is not None:
            row.leased_until, row.due_at = None, self._seconds()
            self._on_due(row.due_at)

    def sweep(self, interval: timedelta) -> int | None:
        self._trouble.may_lose_connection()
        now = self._seconds()
        if self._swept_at > now - interval.total_seconds():
            return None
        self._swept_at = now
        events, _ = self._log.read(after=0, limit=self.checkpoint) if self.checkpoint else ([], 0)
        owed = {each.event.payout_id: each.event.referrer_id for each in events if isinstance(each.event, BonusEarned)}
        ended, _ = self._log.read(about(payout_tag(payout_id), TransferSettled, PayoutCancelled) for payout_id in owed)
        over = {payout_in(each.event) for each in ended}
        found = {payout_id: 0 for payout_id in owed if payout_id not in over and payout_id not in self.rows}
        begun = {each.event.payout_id: each.event.referrer_id for each in events if isinstance(each.event, BEGINNINGS)}
        for payout_id in begun.keys() - self.rows.keys() - found.keys():
            if _is_to_be_followed_up(self._log.read([about(payout_tag(payout_id))])[0], self.checkpoint):
                found[payout_id] = self.checkpoint + 1
        for payout_id, wakeups in found.items():
            self.rows[payout_id] = Row(payout_id, (owed | begun)[payout_id], due_at=now, wakeups=wakeups)
            self._on_due(now)
        return len(found)

    def told_until(self) -> datetime | None:
        self._trouble.may_lose_connection()
        return self._told_until

    def heard_until(self, moment: datetime) -> None:
        self._trouble.may_lose_connection()
        self._told_until = max(self._told_until or moment, moment)

    def is_quiet(self, horizon_seconds: float = 0.0) -> bool:
        now = self._seconds()
        return not any(
            _is_past(row.due_at, now + horizon_seconds) or _is_future(row.leased_until, now)
            for row in self.rows.values()
        )

    def next_due_in_seconds(self) -> float | None:
        moments = [
            max(row.due_at, row.leased_until or row.due_at) for row in self.rows.values() if row.due_at is not None
        ]
        return min(moments) - self._seconds() if moments else None


BEGINNINGS = (TransferNoticed, ApprovalGranted, ReversalRequested)


def _is_to_be_followed_up(events: list[Recorded], checkpoint: int) -> bool:
    """Whether a settled payout's reversal was begun, and has not come to its end."""
    settled = [each.event.amount_minor for each in events if isinstance(each.event, TransferSettled)]
    back = [each.event.total_reversed_minor for each in events if isinstance(each.event, TransferReversed)]
    if not settled or (back and max(back) >= min(settled)):
        return False
    return any(
        each.position <= checkpoint
        and (endings := _endings_of(each.event))
        and not any(later.position > each.position and isinstance(later.event, endings) for later in events)
        for each in events
    )


def _endings_of(event: Event) -> tuple[type[Event], ...]:
    match event:
        case TransferNoticed(stripe_event_type="transfer.reversed"):
            return (TransferReversed, TransferConfirmed)
        case ApprovalGranted(action="reverse"):
            return (ReversalRequested,)
        case ReversalRequested():
            return (ReversalFailed,)
        case _:
            return ()


def _wake(row: Row, now: float) -> None:
    row.due_at = now
    row.wakeups += 1


def _is_past(moment: float | None, now: float) -> bool:
    return moment is not None and moment <= now


def _is_future(moment: float | None, now: float) -> bool:
    return moment is not None and moment > now
