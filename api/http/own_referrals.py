"""What an instructor's JSON routes and pages have in common: their link, their code, their list, and whether the popup is due."""

from datetime import UTC, datetime
from typing import NamedTuple

from fastapi import Request

from api.http import cursors
from api.http.parts import Parts, referral_link
from ledger.mint_code import mint_code
from projections.queries import ReadModels
from projections.views import InstructorStats, ReferralView

LIST = "referred"
"""What a cursor of the list names beside its instructor."""


class OwnReferred(NamedTuple):
    """A page of somebody's referrals, newest first; the names that are known of those on it."""

    items: list[ReferralView]
    names: dict[str, str]
    next_cursor: str | None
    position: int


def own_referred(
    parts: Parts, read_models: ReadModels, instructor_id: str, *, limit: int, cursor: str | None
) -> OwnReferred:
    """Raises ProblemError if the cursor is not one of this list's."""
    listed = (LIST, instructor_id)
    page = read_models.referred(instructor_id, limit=limit, after=cursors.decode(cursor, *listed))
    names = parts.services.people.names_of([view.referred_id for view in page.items])
    return OwnReferred(page.items, names, cursors.encode(page.next_after, *listed), page.position)


def way_in(request: Request, codes: list[str]) -> tuple[str, str] | tuple[None, None]:
    """The oldest code, and its link."""
    return (codes[0], referral_link(request, codes[0])) if codes else (None, None)


def is_popup_due(parts: Parts, stats: InstructorStats, instructor_id: str) -> bool:
    """Once, after going live."""
    return stats.live_at is not None and not parts.services.people.popup_seen(instructor_id)


def own_code(parts: Parts, instructor_id: str) -> tuple[str, int]:
    """The code, issued if there is none yet, and the position at which that is known. Raises NoFreeCodeError."""
    return mint_code(parts.services.log, instructor_id, actor=instructor_id, now=datetime.now(UTC))
