"""The HTTP server, as it runs in production and in tests: httptools and, where it exists, uvloop."""

import uvicorn
from fastapi import FastAPI

GRACE_SECONDS = 8
KEEP_ALIVE_SECONDS = 30


def server_of(app: FastAPI) -> uvicorn.Server:
    """`server_of(app).run(sockets=[listening])` serves until SIGINT or SIGTERM, then lets requests in flight end.

    Those that would go on for ever ask `app.state.is_stopping()`.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,  # `edge` writes one, without addresses
            log_config=None,
            server_header=False,
            proxy_headers=False,  # nothing here depends on whom a request came from
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    app.state.is_stopping = lambda: server.should_exit
    return server
