"""Months of the books: which are closed, what each holds, and closing the next one."""

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.closed_periods import PeriodSummary, PeriodView, Verified
from api.http import cursors
from api.http.access import AUDIT, Finance
from api.http.caught_up import CaughtUpLog
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems, reads
from api.http.parts import Parts, PartsOfApp
from api.http.positions import HEADER, reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.books.closing import JournalBehindError
from ledger.books.months import Month
from ledger.books.periods import ClosedPeriod, Refused

router = APIRouter(prefix=f"{PREFIX}/finance/periods", tags=["finance"], dependencies=[AUDIT])

CSV = "text/csv"
IN_MEMORY_BYTES = 4 * 1024 * 1024
PART_BYTES = 64 * 1024

MonthInPath = Annotated[Month, Path(examples=["2026-03"])]

AS_JSON_OR_CSV: dict[str, Any] = {
    "headers": POSITION_HEADER,
    "description": "With `Accept: text/csv` the month's export: the same bytes whenever it is asked for",
    "content": {CSV: {"schema": {"type": "string"}}},
}


@router.get("", summary="Closed months, newest first", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR))
def list_periods(
    response: Response, parts: PartsOfApp, _log: CaughtUpLog, limit: Limit = 50, cursor: Cursor = None
) -> Listing[PeriodSummary]:
    known, position = parts.services.closing.periods()
    reflects(response, position)
    before = cursors.decode(cursor, "periods")
    found = [known.closed[month] for month in sorted(known.closed, reverse=True)]
    later = [period for period in found if before is None or period.position < before]
    next_before = later[limit - 1].position if len(later) > limit else None
    items = [PeriodSummary.of(period) for period in later[:limit]]
    return Listing(items=items, next_cursor=cursors.encode(next_before, "periods"))


@router.get(
    "/{month}",
    summary="One closed month",
    response_model=PeriodView,
    responses={**reads(*AUTHORIZED, Kind.NOT_FOUND, Kind.PERIOD_DIFFERS), 200: AS_JSON_OR_CSV},
)
def get_period(
    response: Response,
    parts: PartsOfApp,
    _log: CaughtUpLog,
    month: MonthInPath,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> PeriodView | Response:
    known, position = parts.services.closing.periods()
    period = known.closed.get(month)
    if period is None:
        raise ProblemError(
            Kind.NOT_FOUND, f"{month} is not closed at position {position}.", headers={HEADER: str(position)}
        )
    if CSV in accept:
        file = _export(parts, period)
        headers = {HEADER: str(position), "Content-Disposition": f'attachment; filename="books-{month}.csv"'}
        return StreamingResponse(_in_parts(file), headers=headers, media_type=f"{CSV}; charset=utf-8")
    reflects(response, position)
    return PeriodView.of(period)


@router.post(
    "/{month}/close",
    summary="Close a month",
    description="""Once it is over, in order, without gaps. What is recorded of it later goes to the open month, under its
original date. Repeating it is harmless: also after a 503 or 504, it goes on where it stopped.""",
    responses={
        200: {"headers": POSITION_HEADER},
        **problems(
            *AUTHORIZED,
            *STORED,
            Kind.VALIDATION_FAILED,
            Kind.PERIOD_NOT_OVER,
            Kind.PERIOD_NOT_NEXT,
            Kind.NOTHING_TO_CLOSE,
            Kind.POSITION_TIMEOUT,
        ),
    },
)
async def close_period(response: Response, parts: PartsOfApp, finance: Finance, month: MonthInPath) -> PeriodView:
    closing = parts.services.closing
    await parts.read_models.reach(await run_in_threadpool(parts.services.log.recorder.head))
    begun = await run_in_threadpool(closing.begin, month, finance.subject)
    if isinstance(begun, Refused):
        raise ProblemError(Kind[begun.code.upper()], f"{begun.detail[0].upper()}{begun.detail[1:]}.")
    if not isinstance(begun, ClosedPeriod):
        await parts.read_models.reach(begun.cut_off_position)
        begun = await run_in_threadpool(closing.finish, month, finance.subject)
    reflects(response, begun.position)
    return PeriodView.of(begun)


def _export(parts: Parts, period: ClosedPeriod) -> IO[bytes]:
    """The whole file, known to be what was closed before the first byte is sent. Raises ProblemError,
    JournalBehindError.
    """
    with ExitStack() as opened:
        file = opened.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))
        with parts.services.months.month(period.event.month, period.after) as books:
            if books.position < period.event.cut_off_position:
                raise JournalBehindError(books.position, period.event.cut_off_position)
            verified = Verified(books.export(), period)
            file.writelines(verified)
        if not verified.as_closed:
            detail = (
                f"{period.event.month} has the digest {verified.digest}, and was closed with {period.event.digest}."
            )
            raise ProblemError(Kind.PERIOD_DIFFERS, detail)
        file.seek(0)
        opened.pop_all()
        return file


def _in_parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(PART_BYTES):
            yield part
