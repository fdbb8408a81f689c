"""What finance and auditors look at: a module for each room. Auditors see everything; only finance acts."""

from fastapi import APIRouter

from api.pages.finance import (
    books,
    downloads,
    exceptions,
    overview,
    payout_forms,
    payouts,
    reconciliations,
)

router = APIRouter(include_in_schema=False)
for room in (overview, payouts, payout_forms, books, downloads, reconciliations, exceptions):
    router.include_router(room.router)
