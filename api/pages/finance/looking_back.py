"""The two clocks as fields of a page: recorded by a moment (`as_of`), happened by one (`effective_at`), in the reader's zone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from starlette.concurrency import run_in_threadpool

from api.http.parts import PartsOfApp
from api.pages.reader import Reader, ReaderOfPage
from api.pages.session import StaffViewer
from projections.as_of import NotYetError, moment

__all__ = ["LookingBack", "Moments"]

LONGEST = 40
UNREADABLE = "That is no date and time. What you see is as of now."
STILL_TO_COME = "That moment is still to come. What you see is as of now."

Field = Annotated[str, Query(max_length=LONGEST)]


@dataclass(frozen=True, slots=True)
class Moments:
    """`as_of` is a position. `typed`: the fields as they were sent; `problem`: why they mean nothing."""

    as_of: int | None
    effective_at: datetime | None
    typed: dict[str, str]
    problem: str | None = None


async def _moments(
    parts: PartsOfApp, _viewer: StaffViewer, reader: ReaderOfPage, as_of: Field = "", effective_at: Field = ""
) -> Moments:
    """Once the read models reflect it. Raises ProblemError."""
    typed = {"as_of": as_of, "effective_at": effective_at}
    now = datetime.now(UTC)
    try:
        recorded_by, happened_by = _read(reader, as_of), _read(reader, effective_at)
        if recorded_by is None:
            return Moments(None, happened_by, typed)
        found = await run_in_threadpool(moment, parts.services.log.recorder, recorded_by, now)
    except NotYetError:
        return Moments(None, None, typed, STILL_TO_COME)
    except (ValueError, OverflowError):
        return Moments(None, None, typed, UNREADABLE)
    await parts.read_models.reach(found.position)
    return Moments(found.position, happened_by, typed)


def _read(reader: Reader, text: str) -> datetime | None:
    return reader.read_moment(text).astimezone(UTC) if text else None


LookingBack = Annotated[Moments, Depends(_moments)]
