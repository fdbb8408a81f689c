"""What FastAPI does without a ledger, served as ours is: `python -m benchmarks.bare_app PORT DATABASE_URL`.

The yardstick of `ingest` and `read`: nothing is checked, nobody is asked for a token, and nothing is done but what is written here.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from api.composition import API_POOL_SIZE
from api.http.server import server_of

ONE_ROW = "SELECT * FROM read_model.instructor_earnings WHERE instructor_id = %s"


def bare_app(database_url: str) -> FastAPI:
    options: Any = {"kwargs": {"autocommit": True, "row_factory": dict_row}, "max_size": API_POOL_SIZE, "open": False}
    pool = ConnectionPool(database_url, min_size=API_POOL_SIZE, **options)
    async_pool = AsyncConnectionPool(database_url, min_size=API_POOL_SIZE, **options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pool.open()
        async with async_pool:
            yield
        pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/lifecycle-events")
    async def take(request: Request) -> dict[str, object]:
        items = await request.json()
        return {"position": 0, "results": [{"id": item["id"], "outcome": "recorded"} for item in items]}

    @app.post("/lifecycle-event", status_code=201)
    async def take_one(request: Request) -> dict[str, object]:
        item = await request.json()
        return {"id": item["id"], "outcome": "recorded"}

    @app.get("/row/{instructor_id}")
    def read(instructor_id: str) -> dict[str, Any]:
        with pool.connection() as connection:
            return connection.execute(ONE_ROW, [instructor_id], prepare=True).fetchone() or {}

    @app.get("/row-async/{instructor_id}")
    async def read_asynchronously(instructor_id: str) -> dict[str, Any]:
        async with async_pool.connection() as connection:
            cursor = await connection.execute(ONE_ROW, [instructor_id], prepare=True)
            return await cursor.fetchone() or {}

    @app.get("/health/live")
    def live() -> dict[str, str]:
        return {}

    return app


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
    server_of(bare_app(sys.argv[2])).run(sockets=[listening])
