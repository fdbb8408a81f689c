"""Pages for people, rendered on the server from the queries of the JSON routes: one module for each room of them."""

from fastapi import APIRouter

from api.pages import assets, finance, look_around, referrals, sign_in, updates

router = APIRouter()
for room in (assets, sign_in, look_around, updates, referrals, finance):
    router.include_router(room.router)
