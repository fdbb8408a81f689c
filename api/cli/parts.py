"""`ledger serve`, `work`, `project`, `migrate`: one part each, in a process of its own.

With DATABASE_URL a part starts only on a schema of its own release; the embedded database is ours to prepare.
"""

import asyncio
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import structlog

from api import composition
from api.cli import structured_log
from api.cli.errors import UsageProblem
from api.cli.interrupt import call_on_stop
from api.cli.screen import note
from api.http.app import create_app
from api.http.server import server_of
from api.settings import Settings
from api.stripe_mode import require_stripe_mode
from projections.following import follow

__all__ = ["migrate", "project", "serve", "work"]

PAUSE_SECONDS = 1.0

logger = structlog.get_logger("ledger.cli")


def serve(host: str | None, port: int | None) -> None:
    settings = _begin("api")
    with composition.database(settings) as url:
        _wait_for_schema(settings, url)
        with (
            composition.services(settings, url) as services,
            _listen(host or settings.ledger_host, settings.ledger_port if port is None else port) as listening,
        ):
            address = listening.getsockname()
            logger.info("serving", host=address[0], port=address[1], sandbox=composition.is_sandbox(settings))
            call_on_stop(lambda: None)  # uvicorn has handlers of its own, and sends itself the signal again at its end
            server_of(create_app(services)).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Raises UsageProblem if somebody else listens there."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        raise UsageProblem(f"cannot listen on {host}:{port}: {error.strerror}") from None


def work() -> None:
    settings = _begin("worker")
    composition.stripe_access(settings)  # before anything else: it may be all that is missing
    with composition.database(settings) as url:
        _wait_for_schema(settings, url)
        _patiently(lambda: require_stripe_mode(settings, url))
        with asyncio.Runner(loop_factory=_event_loop) as runner:
            runner.run(_work(settings, url))


def _event_loop() -> asyncio.AbstractEventLoop:
    """Uvloop where it exists, as for the API: half the cost of an event loop that wakes up for every call and thread."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - not on Windows

    return uvloop.new_event_loop()


async def _work(settings: Settings, url: str) -> None:
    async with composition.payout_worker(settings, url) as worker:
        loop = asyncio.get_running_loop()
        call_on_stop(lambda: loop.call_soon_threadsafe(worker.stop))
        gc.freeze()  # as in the API: what is there now stays, and is not looked through for garbage again and again
        logger.info("working", sandbox=composition.is_sandbox(settings))
        await worker.run()


def project() -> None:
    settings = _begin("projector")
    with composition.database(settings) as url:
        _wait_for_schema(settings, url)
        _patiently(
            lambda: composition.require_sealing(settings, url)
        )  # whoever has a key and seals nothing should not start
        stop = threading.Event()
        call_on_stop(stop.set)
        with _sealing(settings, url, stop), composition.projector(url) as (projector, wakeups):
            logger.info("projecting")
            follow(projector, stop, wakeups)


@contextmanager
def _sealing(settings: Settings, url: str, stop: threading.Event) -> Iterator[None]:
    """Beside the projector, on a thread of its own: both follow the log, and neither waits for the other."""
    with composition.sealer(settings, url) as parts:
        if parts is None:
            logger.warning("nothing_is_sealed", why="LEDGER_SEAL_KEY and LEDGER_SEAL_STORE are not set")
            yield
            return
        sealer, wakeups = parts
        logger.info("sealing", public_key=str(sealer.public_key), store=sealer.store.address)
        thread = threading.Thread(target=sealer.run, args=(stop, wakeups, settings.ledger_seal_seconds), name="sealer")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def migrate() -> None:
    structured_log.keep_quiet()
    settings = Settings()
    with composition.database(settings) as url:
        composition.migrate(url)
    note("The database is at this release's revision, and the program has its terms.")


def _begin(part: str) -> Settings:
    settings = composition.completed(Settings())
    structured_log.configure(settings, part)
    return settings


def _wait_for_schema(settings: Settings, url: str) -> None:
    """Return once the database has this release's schema. Raises SchemaNotReady as soon as it says that it has not."""
    if settings.database_url is None:
        composition.migrate(url)
        return
    _patiently(lambda: composition.require_schema(url))


def _patiently(ask: Callable[[], None]) -> None:
    """Return once the database has answered. Raises what else goes wrong."""
    while True:
        try:
            ask()
            return
        except psycopg.OperationalError as error:
            logger.warning("database_lost", error=" ".join(str(error).split()))
            time.sleep(PAUSE_SECONDS)
