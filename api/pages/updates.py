"""Tells open pages that the read models have moved, by server-sent events. What moved, a page asks as always.

So there is no second way to read anything: an event carries a position, and nothing that somebody may not see.
"""

import time
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from api.http.parts import Parts, PartsOfApp
from api.http.problems import ProblemError
from api.pages.session import AnyViewer

LONGEST_SECONDS = 300.0
"""Then the browser connects again by itself, and whether its session still holds is asked again."""
LONGEST_WAIT_SECONDS = 1.0
SILENCE_SECONDS = 15.0
"""Proxies close what is silent for longer."""

router = APIRouter(include_in_schema=False)


@router.get("/updates")
async def updates(request: Request, parts: PartsOfApp, viewer: AnyViewer, position: int = 0) -> StreamingResponse:  # noqa: ARG001 - asked to keep others out
    """Raises SignInError. `position`: what the page shows already."""
    is_stopping: Callable[[], bool] = request.app.state.is_stopping
    return StreamingResponse(_moves(parts, position, is_stopping), media_type="text/event-stream")


async def _moves(parts: Parts, position: int, is_stopping: Callable[[], bool]) -> AsyncIterator[str]:
    started = said = time.monotonic()
    yield "retry: 5000\n\n"
    while (now := time.monotonic()) - started < LONGEST_SECONDS and not is_stopping():
        try:
            moved = await parts.pages.beyond(position, LONGEST_WAIT_SECONDS)
        except ProblemError:
            return  # too many are told already: the page asks every now and then
        if moved is not None:
            position, said = moved, now
            yield f"data: {position}\n\n"
        elif now - said > SILENCE_SECONDS:
            said = now
            yield ": still here\n\n"
