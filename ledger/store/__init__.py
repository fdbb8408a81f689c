"""The event store: the log in PostgreSQL behind the `eventsourcing` library's own interface, and the same in memory.

Knows envelopes, tags and positions, and nothing of what events mean. `PERSISTENCE_MODULE=ledger.store` gives the
library this store. The tables and functions it calls are owned by `migrations/`.
"""

from ledger.store.envelope import EventEnvelope, RecordedEvent
from ledger.store.errors import (
    AppendConflict,
    AppendOutcomeUnknown,
    EventAlreadyRecorded,
    EventNotStorable,
    StoreBusy,
    StoreClosed,
    StoreUnavailable,
)
from ledger.store.factory import LedgerStoreFactory
from ledger.store.log_recorder import LogRecorder
from ledger.store.matching import NewestItem
from ledger.store.memory import InMemoryRecorder
from ledger.store.recorder import PostgresRecorder
from ledger.store.wakeup import Wakeups

__all__ = [
    "AppendConflict",
    "AppendOutcomeUnknown",
    "EventAlreadyRecorded",
    "EventEnvelope",
    "EventNotStorable",
    "InMemoryRecorder",
    "LedgerStoreFactory",
    "LogRecorder",
    "NewestItem",
    "PostgresRecorder",
    "RecordedEvent",
    "StoreBusy",
    "StoreClosed",
    "StoreUnavailable",
    "Wakeups",
]
