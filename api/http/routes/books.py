"""The books: trial balance, journal, account statements; at any moment, by either clock."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.decisions import PAYOUT_ID
from api.http import cursors
from api.http.access import AUDIT
from api.http.caught_up import CaughtUpReadModels
from api.http.cursors import Cursor, Limit, Listing
from api.http.moments import AsOf, EffectiveAt, EffectiveFrom
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.books.accounts import CHART, Account
from ledger.books.months import Month
from ledger.lifecycle import InstructorId
from projections.journal import Filters
from projections.journal_views import JournalEntry, Statement, TrialBalance

router = APIRouter(prefix=f"{PREFIX}/finance", tags=["finance"], dependencies=[AUDIT])

CLOCKS = """`as_of`: with what had been recorded by then. `effective_at`: of what had happened by then. Both together: what was
known then of what had happened by then."""


class AccountStatement(Statement):
    next_cursor: str | None


@router.get(
    "/trial-balance",
    summary="Every account: debits, credits, balance",
    description=f"The balances of each currency sum to zero. {CLOCKS}",
    responses=reads(*AUTHORIZED, Kind.NOT_YET),
)
def get_trial_balance(
    response: Response,
    parts: PartsOfApp,
    _caught_up: CaughtUpReadModels,
    as_of: AsOf = None,
    effective_at: EffectiveAt = None,
) -> TrialBalance:
    found = parts.services.journal.trial_balance(as_of, effective_at)
    reflects(response, found.position)
    return found


@router.get(
    "/journal",
    summary="Journal entries, oldest first",
    description=f"Whole entries: those that have a line as the filters say. {CLOCKS}",
    responses=reads(*AUTHORIZED, Kind.NOT_YET, Kind.BAD_CURSOR),
)
def list_journal_entries(
    response: Response,
    parts: PartsOfApp,
    _caught_up: CaughtUpReadModels,
    as_of: AsOf = None,
    effective_from: EffectiveFrom = None,
    effective_at: EffectiveAt = None,
    account: Account | None = None,
    instructor_id: Annotated[InstructorId | None, Query(description="Whom a line is about")] = None,
    payout_id: Annotated[str | None, Query(pattern=f"^{PAYOUT_ID.pattern}$")] = None,
    period: Annotated[
        Month | None, Query(description="The month whose books it belongs to", examples=["2026-03"])
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[JournalEntry]:
    filters = Filters(account, instructor_id, payout_id, period, effective_from, effective_at)
    listed = ("journal", as_of, filters)
    page = parts.services.journal.entries(filters, limit=limit, after=cursors.decode(cursor, *listed), as_of=as_of)
    reflects(response, page.position)
    return Listing(items=page.items, next_cursor=cursors.encode(page.next_after, *listed))


@router.get(
    "/accounts/{account}/statement",
    summary="An account: opening balance, lines with the balance after each, closing balance",
    description=f"In the order of recording. {CLOCKS}",
    responses=reads(*AUTHORIZED, Kind.NOT_YET, Kind.BAD_CURSOR),
)
def get_statement(
    response: Response,
    parts: PartsOfApp,
    _caught_up: CaughtUpReadModels,
    account: Annotated[Account, Path()],
    instructor_id: Annotated[
        InstructorId | None, Query(description="This instructor's part of the account, where it is kept for each")
    ] = None,
    as_of: AsOf = None,
    effective_from: EffectiveFrom = None,
    effective_at: EffectiveAt = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AccountStatement:
    if instructor_id is not None and not CHART[account].per_instructor:
        problem = {"at": "query.instructor_id", "problem": f"{account} is not kept for each instructor"}
        raise ProblemError(Kind.VALIDATION_FAILED, "See errors.", {"errors": [problem]})
    listed = ("statement", account.value, instructor_id, as_of, effective_from, effective_at)
    found = parts.services.journal.statement(
        account,
        instructor_id,
        limit=limit,
        after=cursors.decode(cursor, *listed),
        as_of=as_of,
        effective_from=effective_from,
        effective_at=effective_at,
    )
    reflects(response, found.position)
    return AccountStatement(**dict(found), next_cursor=cursors.encode(found.next_after, *listed))
