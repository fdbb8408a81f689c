"""The library's way to the same tables: a Projection that its ProjectionRunner gives one event after the other.

Each event is one transaction, with its tracking record. What an event changes is worked out by our own fold, and the rows it
looks at are read and written by our own statements, so that nothing but the way of following is compared.
"""

from typing import Any, cast

from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.application import DCBApplication
from eventsourcing.dcb.domain import Tagged
from eventsourcing.dcb.persistence import DCBMapper
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from ledger.event_log import recorded
from ledger.store import EventEnvelope, RecordedEvent
from projections.fold import Keys, apply
from projections.tables import LIVE_SCHEMA, WorkingRows, claim_program, use_schema

__all__ = ["follow"]


class Unmapped(DCBMapper[Any]):
    """Decoding needs the position, which the tracking has."""

    def to_dcb_event(self, event: Tagged[Any]) -> DCBEvent:
        raise NotImplementedError

    def to_domain_event(self, event: DCBEvent) -> Any:
        return event


class Log(DCBApplication):
    name = "Log"


class Tables(PostgresTrackingRecorder):
    def apply(self, envelope: EventEnvelope, tracking: Tracking) -> None:
        event = recorded(RecordedEvent(event=envelope, position=tracking.notification_id))
        with self.datastore.transaction(commit=True) as cursor:
            connection = cast("Connection[TupleRow]", cursor.connection)  # ours say themselves what rows they want
            use_schema(connection, LIVE_SCHEMA)
            program = claim_program(connection)
            assert program is not None
            rows, keys = WorkingRows(connection, program), Keys()
            keys.add(event)
            rows.load(keys)
            apply(rows.model, event)
            rows.save()
            self._insert_tracking(cursor, tracking)


class ReadModels(Projection[Tables]):
    name = "read_models"

    def process_event(self, domain_event: EventEnvelope, tracking: Tracking) -> None:
        self.view.apply(domain_event, tracking)


def follow(database_url: str, events: int) -> None:
    """All events of a log of this length, into its live tables."""
    parts = conninfo_to_dict(database_url)
    environment = {
        "LOG_PERSISTENCE_MODULE": "ledger.store",
        "LOG_DATABASE_URL": database_url,
        "MAPPER_TOPIC": f"{__name__}:{Unmapped.__name__}",
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts.get("host", "")),
        "POSTGRES_PORT": str(parts.get("port", 5432)),
        "POSTGRES_USER": str(parts.get("user", "")),
        "POSTGRES_PASSWORD": str(parts.get("password", "")),
        "POSTGRES_SINGLE_ROW_TRACKING": "yes",
    }
    with ProjectionRunner(
        application_class=Log, projection_class=ReadModels, view_class=Tables, env=environment
    ) as runner:
        runner.wait(events, timeout=3600)
