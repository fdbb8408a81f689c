"""What finance and auditors look at: a module for each room. Auditors see everything; only finance acts."""

from fastapi import APIRouter

from api.pages.finance import (
    books,
    downloads,
    exceptions,
    log,
    looked_back,
    months,
    overview,
    payees,
    payout_forms,
    payouts,
    reconciliations,
    seals,
)

router = APIRouter(include_in_schema=False)
# /finance/log/replay comes before /finance/log/{position}
for room in (
    overview,
    payouts,
    payout_forms,
    books,
    months,
    payees,
    reconciliations,
    exceptions,
    looked_back,
    seals,
    log,
    downloads,
):
    router.include_router(room.router)
