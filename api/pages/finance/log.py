"""The log: its events with filters, and one of them with all that it holds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Annotated
from urllib.parse import urlencode

import orjson
from eventsourcing.dcb.api import DCBQueryItem
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import HTMLResponse

from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.finance.staff import PRINTABLE, staff_page
from api.pages.reader import Reader, ReaderOfPage
from api.pages.session import StaffViewer
from ledger.events import instructor_tag, payout_tag, referral_tag, referrer_tag, transfer_tag
from ledger.events.stored import EVENT_TYPES
from ledger.store import LogRecorder
from ledger.story.sentences import sentence
from projections.as_of import NotYetError, moment

router = APIRouter(include_in_schema=False)

SHOWN = 50
NO_DAY = "Days are like 2026-03-31, and no later than today: they were left out."
PREFIXES = {"pay_": payout_tag, "ref_": referral_tag, "tr_": transfer_tag}

Text = Annotated[str, Query(max_length=200, pattern=PRINTABLE)]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Positions after `after`, up to `until`. `problem`: why the days that were given mean nothing."""

    after: int
    until: int
    problem: str | None = None


@router.get("/finance/log")
def list_events(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    reader: ReaderOfPage,
    type_: Annotated[str, Query(alias="type", max_length=100)] = "",
    about: Text = "",
    first_day: Text = "",
    last_day: Text = "",
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> HTMLResponse:
    """Oldest first; without a filter, the newest page of it."""
    services = parts.services
    head = services.log.recorder.head()
    chosen = type_ if type_ in EVENT_TYPES else ""
    stretch = _stretch(services.log.recorder, reader, first_day, last_day, head)
    tags, types = tags_of(about.strip()), [chosen] if chosen else []
    is_whole = not (types or tags or first_day or last_day)
    start = max(stretch.after, after or 0) if after is not None or not is_whole else max(0, head - SHOWN)
    boundary = [DCBQueryItem(types=types, tags=[tag]) for tag in tags] or [DCBQueryItem(types=types)] * bool(types)
    read, _ = services.log.read(boundary, after=start, limit=SHOWN + 1)
    found = list(takewhile(lambda each: each.position <= stretch.until, read))
    fields = {"type": chosen, "about": about.strip(), "first_day": first_day, "last_day": last_day}
    later = found[SHOWN - 1].position if len(found) > SHOWN else None
    return staff_page(
        request,
        "log.html",
        viewer,
        events=[(each, sentence(each.event)) for each in found[:SHOWN]],
        names=EVENT_TYPES,
        fields=fields,
        problem=stretch.problem,
        earlier=urlencode({"after": max(0, start - SHOWN)}) if is_whole and start else None,
        later=urlencode({**{name: value for name, value in fields.items() if value}, "after": later})
        if later
        else None,
        head=head,
    )


@router.get("/finance/log/{position}")
def show_event(
    request: Request, parts: PartsOfApp, viewer: StaffViewer, position: Annotated[int, Path(ge=1, le=2**62)]
) -> HTMLResponse:
    services = parts.services
    stored = next(iter(services.log.recorder.read(after=position - 1, limit=1)), None)
    if stored is None or stored.position != position:
        raise ProblemError(Kind.NOT_FOUND, f"No event is recorded at position {position}.")
    story = services.stories.explain(f"position:{position}")
    newest = services.seals.newest()
    return staff_page(
        request,
        "event.html",
        viewer,
        position=position,
        envelope=stored.event,
        data=orjson.dumps(orjson.loads(stored.event.data), option=orjson.OPT_INDENT_2).decode(),
        story=story,
        is_sealed=newest is not None and position <= newest.size,
        head=services.log.recorder.head(),
    )


def tags_of(name: str) -> list[str]:
    """Of whatever has an id: payouts, referrals and transfers are known by their prefixes, all others are instructors."""
    if not name or ":" in name:
        return [name] if name else []
    for prefix, tag in PREFIXES.items():
        if name.startswith(prefix):
            return [tag(name)]
    return [instructor_tag(name), referrer_tag(name)]


def _stretch(log: LogRecorder, reader: Reader, first_day: str, last_day: str, head: int) -> Stretch:
    """The events recorded on these days of the reader's; both are included."""
    try:
        after = _recorded_before(log, reader, first_day, 0) if first_day else 0
        until = _recorded_before(log, reader, last_day, 1) if last_day else head
    except (ValueError, OverflowError):
        return Stretch(0, head, NO_DAY)
    return Stretch(after, until)


def _recorded_before(log: LogRecorder, reader: Reader, day: str, days_later: int) -> int:
    """The newest position before a day of the reader's, or a later one, began. Raises ValueError, OverflowError."""
    begins = datetime.combine(date.fromisoformat(day) + timedelta(days=days_later), time())
    now = datetime.now(UTC)
    last_moment = reader.read_moment(begins.isoformat()).astimezone(UTC) - timedelta(microseconds=1)
    if last_moment - timedelta(days=days_later) > now:
        raise NotYetError(day)
    return moment(log, min(last_moment, now), now).position
