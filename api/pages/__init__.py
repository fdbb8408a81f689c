"""Pages for people, rendered on the server from the queries of the JSON routes: one module for each room of them."""

from fastapi import APIRouter

from api.pages import assets, finance, referrals, sign_in

router = APIRouter()
for room in (assets, sign_in, referrals, finance):
    router.include_router(room.router)
