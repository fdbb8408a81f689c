"""The log itself, page by page, exactly as it is stored."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from eventsourcing.dcb.api import DCBQuery, DCBQueryItem
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from api.http import cursors
from api.http.access import AUDIT
from api.http.caught_up import CaughtUpLog
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, reads
from api.http.positions import reflects
from api.http.problems import Kind
from api.http.routes import PREFIX
from ledger.events import instructor_tag, payout_tag
from ledger.lifecycle import InstructorId
from ledger.store import LogRecorder, RecordedEvent

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"], dependencies=[AUDIT])

Name = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,300}$")]


class LoggedEvent(BaseModel):
    """An event in its envelope. `occurred_at` is when it happened, by their clock; `recorded_at` when we knew, by ours."""

    position: int
    event_id: UUID
    type: str = Field(examples=["BonusEarned"])
    schema_version: int
    tags: list[str]
    data: dict[str, Any]
    occurred_at: datetime | None
    recorded_at: datetime | None
    actor: str
    causation_id: str | None
    correlation_id: str | None


@router.get("/events", summary="The log, oldest first", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR))
def list_events(
    response: Response,
    log: CaughtUpLog,
    types: Annotated[list[Name] | None, Query(alias="type", description="Of these types only")] = None,
    tags: Annotated[list[Name] | None, Query(alias="tag", description="With all of these tags")] = None,
    payout_id: Name | None = None,
    instructor_id: InstructorId | None = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="Only events after this position")] = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[LoggedEvent]:
    wanted = DCBQueryItem(types=types or [], tags=tags or [])
    wanted.tags += [payout_tag(payout_id)] if payout_id else []
    wanted.tags += [instructor_tag(instructor_id)] if instructor_id else []
    listed = ("events", wanted.types, wanted.tags)
    start = cursors.decode(cursor, *listed) or after
    reflects(response, log.head())
    found = list(events_of(log, wanted, after=start, limit=limit + 1))
    next_after = found[limit - 1].position if len(found) > limit else None
    return Listing(items=found[:limit], next_cursor=cursors.encode(next_after, *listed))


def events_of(
    log: LogRecorder, item: DCBQueryItem, *, after: int = 0, limit: int | None = None
) -> Iterator[LoggedEvent]:
    """The events that match, in constant memory."""
    query = DCBQuery(items=[item]) if item.types or item.tags else None
    for recorded in log.read(query, after=after, limit=limit):
        yield _logged(recorded)


def _logged(recorded: RecordedEvent) -> LoggedEvent:
    envelope = recorded.event
    return LoggedEvent(
        position=recorded.position,
        event_id=envelope.event_id,
        type=envelope.type,
        schema_version=envelope.schema_version,
        tags=envelope.tags,
        data=orjson.loads(envelope.data),
        occurred_at=envelope.occurred_at,
        recorded_at=envelope.recorded_at,
        actor=envelope.actor,
        causation_id=envelope.causation_id,
        correlation_id=envelope.correlation_id,
    )
