"""The route of a question that dashboards ask all the time, about nobody but who asks."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.http.access import own_instructor_id

__all__ = ["OwnRoute"]


class OwnRoute(APIRoute):
    """Its endpoint takes the request, the instructor who asks, and parameters of the query, each with a default.

    Where there is no query, nothing is to be checked but the token, and the endpoint is called at once: to work out its
    dependencies takes FastAPI as long as the answer takes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        check_and_answer = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if request.scope["query_string"]:
                return await check_and_answer(request)
            response: Response = await self.endpoint(request, await own_instructor_id(request))
            return response

        return answer
