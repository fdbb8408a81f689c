"""Commits groups of appends: one call of ledger.append each, on a connection of its own."""

import time
from collections.abc import Sequence
from itertools import chain
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import InternalError, PersistenceError
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from ledger.store.connection import ConnectionSettings, connect, is_readable
from ledger.store.errors import AppendOutcomeUnknown, EventAlreadyRecorded, EventNotStorable, library_error
from ledger.store.grouping import Group
from ledger.store.pending_append import PendingAppend

__all__ = ["Committer"]

# So long the connection is believed to be as it was. Looking lets other threads in, at the cost of the group that wants
# to go.
_IDLE_SECONDS = 0.002

# What was acknowledged is on the disk, whatever the server's default is; a stricter setting stays as it is.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

_STATEMENT = b"ledger_append"
_APPEND = b"SELECT head, new_head, refused FROM ledger.append($1)"


class Committer:
    """Not to be used by two threads at a time. Connects when it has to, and again when the connection is gone."""

    def __init__(self, database_url: str, settings: ConnectionSettings) -> None:
        self._database_url = database_url
        self._settings = settings
        self._connection: psycopg.Connection | None = None
        self._last_used = 0.0

    def commit(self, group: Group) -> None:
        """Settle every member of the group, and those put off that the log refuses already."""
        try:
            connection = self._ready_connection()
        except psycopg.Error as error:
            for member in group.members:
                member.error = library_error(error)
            return
        try:
            head, new_head, refused = _call(connection, group)
            self._last_used = time.monotonic()
        except psycopg.Error as error:
            self._settle_failure(connection, group.members, error)
        except BaseException as error:  # interrupted while the server works: nobody knows how far it came
            self.close()
            for member in group.members:
                member.error = AppendOutcomeUnknown(_event_ids(member), error)
            raise
        else:
            self._settle(group, head, new_head, refused)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _settle(self, group: Group, head: int, new_head: int, refused: set[int]) -> None:
        accepted = [append for place, append in enumerate(group.members, start=1) if place not in refused]
        if head + sum(len(append.events) for append in accepted) != new_head:
            raise InternalError(f"ledger.append moved the head from {head} to {new_head} for {len(accepted)} appends")
        position = head
        for append in accepted:
            position += len(append.events)
            append.position = position
        for place, append in enumerate(chain(group.members, group.put_off), start=1):
            if place in refused:
                append.refuse()

    def _settle_failure(
        self, connection: psycopg.Connection, members: Sequence[PendingAppend], error: psycopg.Error
    ) -> None:
        connection_lost = connection.closed or error.sqlstate is None
        if connection_lost or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            self.close()  # read-only: a standby by now, and the next connection may find the primary
        if len(members) > 1 and isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            for member in members:  # one of them spoilt it for all, nothing was stored: each on its own
                self.commit(Group([member]))
            return
        for member in members:
            member.error = (
                AppendOutcomeUnknown(_event_ids(member), error)
                if connection_lost
                else _refusal(error, _event_ids(member))
            )

    def _ready_connection(self) -> psycopg.Connection:
        """The connection, unless the server has ended it meanwhile: then a new one. Raises psycopg.Error."""
        if (
            self._connection is not None
            and time.monotonic() - self._last_used > _IDLE_SECONDS
            and _has_ended(self._connection)
        ):
            self.close()
        if self._connection is None:
            self._connection = connect(self._database_url, self._settings)
            try:
                self._connection.execute(_DURABLE)
                _check(self._connection.pgconn.prepare(_STATEMENT, _APPEND), ExecStatus.COMMAND_OK)
            except BaseException:
                self.close()
                raise
        return self._connection


def _call(connection: psycopg.Connection, group: Group) -> tuple[int, int, set[int]]:
    """The head of the log before and after, and the places, from 1, of the appends refused.

    In one call of libpq: a cursor would take the interpreter several times in between, from threads that want it too, and
    every caller waits for that.
    """
    documents = chain(
        (member.document for member in group.members), (append.conditions_document for append in group.put_off)
    )
    result = connection.pgconn.exec_prepared(_STATEMENT, [b"[" + b",".join(documents) + b"]"])
    _check(result, ExecStatus.TUPLES_OK)
    head, new_head, refused = (result.get_value(0, column) or b"" for column in range(3))
    return int(head), int(new_head), set(orjson.loads(b"[" + refused.strip(b"{}") + b"]"))


def _check(result: PGresult, wanted: ExecStatus) -> None:
    if result.status != wanted:
        raise psycopg.errors.error_from_result(result)


def _refusal(error: psycopg.Error, event_ids: Sequence[UUID]) -> PersistenceError:
    if isinstance(error, psycopg.errors.UniqueViolation) and error.diag.constraint_name == "event_id_once":
        return EventAlreadyRecorded(event_ids)
    if isinstance(error, psycopg.DataError):
        return EventNotStorable(str(error).strip())
    return library_error(error)


def _has_ended(connection: psycopg.Connection) -> bool:
    """Whether the server has ended the connection while nothing was asked of it; a mere notice is read away."""
    if not is_readable(connection):
        return False
    try:
        connection.pgconn.consume_input()
    except psycopg.Error:
        return True
    return connection.closed or is_readable(connection)


def _event_ids(append: PendingAppend) -> list[UUID]:
    return [event.event_id for event in append.events]
