"""The program at a glance: what waits for somebody, the money by its state, how referrals and payouts go."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse

from api.http.caught_up import CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.pages import charts
from api.pages.finance.staff import staff_page
from api.pages.reader import Reader, ReaderOfPage
from api.pages.session import StaffViewer
from ledger.status import Status
from projections.views import PayoutDay, ProgramOverview

router = APIRouter(include_in_schema=False)

WIDTH, HEIGHT = 440, 170
"""Of the charts, which lie beside each other."""
DAYS = 30
DAYS_BETWEEN_NAMES = 7
MOST_LOOKED_AT = 500
MOST_SHOWN = 5

FUNNEL: tuple[tuple[str, tuple[Status, ...]], ...] = (
    ("Bonus paid", ("paid", "reversed")),
    ("Bonus earned", ("pending_transfer", "failed", "cancelled")),
    ("Went live", ("pending_lesson",)),
    ("Signed up", ("pending_live",)),
)
"""From its end to its beginning: each step with those that came no further. A reversed bonus had been paid."""


class Step(NamedTuple):
    name: str
    referrals: int
    share: float
    """Of those who signed up."""


@router.get("/finance")
def overview(
    request: Request, parts: PartsOfApp, viewer: StaffViewer, read_models: CaughtUpReadModels, reader: ReaderOfPage
) -> HTMLResponse:
    found = read_models.overview(days=DAYS)
    steps = funnel(found)
    settled, failed = sum(day.settled for day in found.days), sum(day.failed for day in found.days)
    exceptions, _ = parts.services.reconciling.exceptions()
    return staff_page(
        request,
        "overview.html",
        viewer,
        program=found,
        waiting=read_models.waiting(most=MOST_LOOKED_AT),
        approvals=read_models.open_approvals(limit=MOST_SHOWN),
        open_exceptions=sum(each.is_open for each in exceptions),
        most_shown=MOST_SHOWN,
        funnel=steps,
        funnel_chart=charts.bars([(step.name, Decimal(step.referrals)) for step in steps], _whole(reader), width=WIDTH),
        days_shown=DAYS,
        settled_chart=_per_day(reader, found.days, [day.settled for day in found.days]),
        failed_chart=_per_day(reader, found.days, [day.failed for day in found.days]),
        settled=settled,
        failed=failed,
    )


def funnel(found: ProgramOverview) -> list[Step]:
    """How many came how far, the first step first."""
    stayed = [sum(found.counts[status] for status in statuses) for _, statuses in FUNNEL]
    reached = list(accumulate(stayed))
    everybody = reached[-1] or 1
    steps = [Step(name, count, count / everybody) for (name, _), count in zip(FUNNEL, reached, strict=True)]
    return steps[::-1]


def _per_day(reader: Reader, days: Sequence[PayoutDay], counts: Sequence[int]) -> Markup:
    points = [(reader.short_day(day.day), Decimal(count)) for day, count in zip(days, counts, strict=True)]
    return charts.columns(points, _whole(reader), names_apart=DAYS_BETWEEN_NAMES, width=WIDTH, height=HEIGHT)


def _whole(reader: Reader) -> charts.Ticks:
    """Counts have no halves."""
    return lambda value: reader.number(int(value)) if value == int(value) else ""
