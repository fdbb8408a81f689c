"""The log's side: what it says happened to the money at Stripe, as lines, read in one pass.

What was sent and has no outcome yet is a line too, in flight. Memory grows with the lines that are kept and with one short
entry for each transfer, not with the length of the log. The fields that are needed are taken out by the database:
decoding every event took more than twice as long, and as long as all the rest of a run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg_pool import ConnectionPool

from ledger.events import (
    Event,
    PayoutCancelled,
    PayoutRetryAuthorized,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferRequested,
    TransferReversed,
    TransferSettled,
    UnknownEventTypeError,
)
from ledger.named_queries import named_queries
from ledger.reconciliation.line import TRANSFER, TRANSFER_REVERSAL, Line

QUERIES = named_queries("ledger.reconciliation", "log_lines.sql")
AT_ONCE = 1_000
MONEY: tuple[type[Event], ...] = (
    TransferRequested,
    TransferSettled,
    TransferFailed,
    PayoutRetryAuthorized,
    PayoutCancelled,
    ReversalRequested,
    TransferReversed,
    ReversalFailed,
)
VERSION = 1
"""Of all of them, when the query was written. An event of another one is refused until the query knows it."""


class MoneyEvent(NamedTuple):
    """A row of the query, in the order of its columns; what an event has no field for is None."""

    position: int
    type: str
    schema_version: int
    occurred_at: datetime
    payout_id: str
    transfer_id: str | None
    amount_minor: int
    total_reversed_minor: int
    currency: str
    destination: str | None
    idempotency_key: str
    after: str | None


def _as_event(_: Cursor[Any]) -> Callable[[Sequence[Any]], MoneyEvent]:
    return MoneyEvent._make


def money_events(pool: ConnectionPool) -> Iterator[MoneyEvent]:
    """All of them in one snapshot, as PostgreSQL finds them: it works on while these are made into lines. That is one
    statement, however long the log is and however slowly they are taken: so none of the limits on time is its.

    Raises UnknownEventTypeError, psycopg.Error.
    """
    wanted = {"types": [kind.__name__ for kind in MONEY]}
    with (
        pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=_as_event) as cursor,
    ):
        cursor.execute(QUERIES["no_limit_on_time"])
        for event in cursor.stream(QUERIES["money_events"], wanted, binary=True, size=AT_ONCE):
            if event.schema_version != VERSION:
                raise UnknownEventTypeError(event.type, event.schema_version)
            yield event


@dataclass
class LogLines:
    """`position`: of the newest event about money. `keep` says which lines are wanted."""

    keep: Callable[[Line], bool]
    lines: list[Line] = field(default_factory=list)
    position: int = 0
    _sent: dict[str, MoneyEvent] = field(default_factory=dict)
    _taken_back: dict[str, MoneyEvent] = field(default_factory=dict)
    _settled: dict[str, MoneyEvent] = field(default_factory=dict)
    _reversed_minor: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, events: Iterable[MoneyEvent], keep: Callable[[Line], bool] = lambda _: True) -> "LogLines":
        read = cls(keep)
        for event in events:
            read._add(event)
        for event in read._sent.values():
            read._take(_transfer(event, event.idempotency_key, event.occurred_at, in_flight=True))
        for event in read._taken_back.values():
            read._take(read._claim(event))
        return read

    def _add(self, event: MoneyEvent) -> None:
        self.position = event.position
        match event.type:
            case "TransferRequested":
                self._sent[event.payout_id] = event
            case "TransferSettled" if event.transfer_id is not None:
                sent = self._sent.pop(event.payout_id, event)
                self._settled[event.transfer_id] = event
                self._take(_transfer(event, event.transfer_id, min(sent.occurred_at, event.occurred_at)))
            case "TransferFailed" | "PayoutCancelled":
                self._sent.pop(event.payout_id, None)
            case "PayoutRetryAuthorized" if event.after == "unknown":
                self._sent.pop(event.payout_id, None)  # given up by two persons: it is not there
            case "ReversalRequested":
                self._taken_back[event.payout_id] = event
            case "TransferReversed":
                self._reversed(event)
            case "ReversalFailed":
                self._taken_back.pop(event.payout_id, None)

    def _reversed(self, event: MoneyEvent) -> None:
        sent = self._taken_back.get(event.payout_id, event)
        settled = self._settled.get(event.transfer_id or "")
        if event.transfer_id is not None:
            self._reversed_minor[event.transfer_id] = event.total_reversed_minor
        if settled is None or event.total_reversed_minor >= settled.amount_minor:
            self._taken_back.pop(event.payout_id, None)  # ours takes back all that is left
        at = min(sent.occurred_at, event.occurred_at)
        self._take(self._reversal(event, f"{event.transfer_id}/{event.total_reversed_minor}", at))

    def _claim(self, event: MoneyEvent) -> Line:
        """What is still being taken back: no more than is left of the transfer."""
        line = self._reversal(event, event.idempotency_key, event.occurred_at, in_flight=True)
        settled = self._settled.get(event.transfer_id or "")
        if settled is None:
            return line
        left_minor = settled.amount_minor - self._reversed_minor.get(settled.transfer_id or "", 0)
        amount_minor = min(event.amount_minor, left_minor)
        return line._replace(amount_minor=amount_minor, net_minor=amount_minor)

    def _reversal(self, event: MoneyEvent, identity: str, at: datetime, *, in_flight: bool = False) -> Line:
        settled = self._settled.get(event.transfer_id or "")
        return Line(
            id=identity,
            at=at,
            until=event.occurred_at,
            category=TRANSFER_REVERSAL,
            currency=event.currency,
            amount_minor=event.amount_minor,
            net_minor=event.amount_minor,
            transfer_id=event.transfer_id,
            payout_id=event.payout_id,
            account=settled.destination if settled is not None else None,
            in_flight=in_flight,
        )

    def _take(self, line: Line) -> None:
        if self.keep(line):
            self.lines.append(line)


def _transfer(event: MoneyEvent, identity: str, at: datetime, *, in_flight: bool = False) -> Line:
    """Most lines are made here, so by position, in the order of Line's fields: by keyword takes three times as long."""
    until, currency = event.occurred_at, event.currency
    amount_minor, fee_minor, net_minor = -event.amount_minor, 0, -event.amount_minor
    source_id, transfer_id, payout_id, account = event.transfer_id, None, event.payout_id, event.destination
    return Line(
        identity,
        at,
        until,
        TRANSFER,
        currency,
        amount_minor,
        fee_minor,
        net_minor,
        source_id,
        transfer_id,
        payout_id,
        account,
        in_flight,
    )
