"""The composition root: the one place where parts are built out of other parts. Plain functions, plain arguments.

    settings ─▶ database() ─▶ services() · payout_worker() · projector() · sealer() · owner_pool()

Each is a context that closes what it opened, in the reverse order. Without DATABASE_URL the database is the embedded one;
without STRIPE_API_KEY it is the sandbox that pays: its address is STRIPE_API_BASE, its secrets are in the data folder.

    SchemaNotReady   the database is at another revision than this release
    NoStripe         neither Stripe's key nor the sandbox's address is known
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

import migrations
from api.data_folder import DataFolder, Workspace
from api.services import Services
from api.settings import Settings
from ledger.books.closing import PeriodClosing
from ledger.event_log import EventLog
from ledger.ingestion import Ingestion
from ledger.payouts.review import PayoutReview
from ledger.payouts.todo import TodoList
from ledger.people import PeopleDirectory
from ledger.proof.seals import Seals
from ledger.reconciliation.reconciling import Reconciling
from ledger.reconciliation.run_lines import RunLines
from ledger.set_terms import ensure_terms
from ledger.store import PostgresRecorder, Wakeups
from ledger.store.connection import FIXED_PLANS, ConnectionSettings, async_pool, open_pool
from ledger.store.presence import Presence
from projections.journal import Journal
from projections.journal_month import MonthsOfJournal
from projections.journal_stretch import JournalStretch
from projections.own_questions import OwnQuestions
from projections.own_reads import CONNECTIONS, OwnReads
from projections.projector import Projector
from projections.queries import ReadModels
from projections.replay import Replay
from projections.story import Stories
from sandbox.postgres import EmbeddedPostgres, default_data_dir

SOURCE_ROOT = Path(__file__).parents[1]
"""Where child processes find the packages, whatever their working directory."""

if TYPE_CHECKING:
    from ledger.payouts.worker import PayoutWorker
    from ledger.proof.notes import SigningKey
    from ledger.proof.seal_store import SealStore
    from ledger.proof.sealer import Sealer

CALLS_AT_ONCE = 64
"""What the pace needs: a call to Stripe takes 0.44 s in the mean (250 ms in the median, and some take seconds), so 97 a second are
43 at once, give or take 7."""

PAYOUTS_AT_ONCE = 160
"""The calls at once, and those that are read, decided on and recorded meanwhile: on a busy machine as long as a call takes."""

PAYOUT_WORKERS = 1
"""The kind of process, as workers count each other: they divide the pace among them."""

DATABASE_THREADS = 16
"""Of a worker: so many reads and appends at a time. Appends that wait together are committed together."""

SANDBOX_KEY_NAME = "payout-ledger-sandbox"
SEALING_SECONDS = 5.0
"""Sealing takes no longer, once it has begun; else something is wrong with it."""

API_POOL_SIZE = 16
WORKER_POOL_SIZE = 4  # for the to-do list
STOP_SECONDS = 2.0
EMBEDDED_SETTINGS = {"max_connections": "200"}  # room for a demo beside the ledger that lasts


class SchemaNotReady(Exception):
    """Reading on would only fail later, and less clearly."""

    def __init__(self, found: str | None, needed: str) -> None:
        state = f"is at revision {found}, and this release needs {needed}" if found else "has not been prepared yet"
        super().__init__(f"the database {state}: run `ledger migrate`")
        self.found = found
        self.needed = needed


class NoStripe(Exception):
    """There is nobody to pay through."""

    def __init__(self) -> None:
        super().__init__(
            "STRIPE_API_KEY is not set, and no sandbox is running: set it, or start everything with `ledger up`"
        )


@dataclass(frozen=True, slots=True)
class StripeAccess:
    """Whom we pay through. `api_base` None: Stripe itself."""

    api_key: str
    api_base: str | None


def now() -> datetime:
    return datetime.now(UTC)


def data_folder(settings: Settings) -> DataFolder:
    given = settings.ledger_data_dir
    return DataFolder((given or default_data_dir()).expanduser().absolute())


def is_sandbox(settings: Settings) -> bool:
    return settings.stripe_api_key is None


def completed(settings: Settings) -> Settings:
    """The settings, in the sandbox with the secrets that are not set. Outside it nothing is ever made up."""
    if not is_sandbox(settings):
        return settings
    made = data_folder(settings).secrets()
    changes: dict[str, SecretStr] = {}
    if settings.ledger_jwt_secret is None and settings.ledger_jwks_url is None:
        changes["ledger_jwt_secret"] = SecretStr(made.jwt_secret)
    if settings.stripe_webhook_secret is None:
        changes["stripe_webhook_secret"] = SecretStr(made.stripe_webhook_secret)
    if settings.ledger_seal_key is None:
        changes["ledger_seal_key"] = SecretStr(data_folder(settings).seal_key(_new_seal_key))
    return settings.model_copy(update=changes)


def _new_seal_key() -> str:
    from ledger.proof.notes import SigningKey  # noqa: PLC0415 - cryptography, once in a sandbox's life

    return SigningKey.generate(SANDBOX_KEY_NAME).secret()


def stripe_access(settings: Settings) -> StripeAccess:
    """Raises NoStripe."""
    if settings.stripe_api_key is not None:
        return StripeAccess(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    if settings.stripe_api_base is None:
        raise NoStripe
    return StripeAccess(data_folder(settings).secrets().stripe_api_key, settings.stripe_api_base)


@contextmanager
def database(settings: Settings, workspace: Workspace | None = None) -> Iterator[str]:
    """The URL of the database, usable while the context is open. Raises the embedded server's errors."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with embedded_server(settings) as server:
        yield server.ensure_database((workspace or data_folder(settings).ledger).database)


@contextmanager
def embedded_server(settings: Settings) -> Iterator[EmbeddedPostgres]:
    """Whoever leaves last waits for a moment, so that nothing runs any more when they are gone."""
    folder = data_folder(settings)
    folder.create()
    server = EmbeddedPostgres(folder.postgres, settings=EMBEDDED_SETTINGS)
    with ExitStack() as opened:
        opened.enter_context(server)
        try:
            yield server
        finally:
            opened.close()
            if not any(workspace.is_claimed() for workspace in (folder.ledger, *folder.demos())):
                server.wait_until_stopped(timeout_seconds=STOP_SECONDS)


def migrate(url: str) -> None:
    """Bring the schema to the newest revision, and begin a new log with the program's initial terms.

    Asks for the owner's rights only where there is something to do.
    """
    if migrations.current_revision(url) != migrations.head_revision():
        migrations.upgrade(url)
    with event_log(url) as log:
        ensure_terms(log, now=now())


def require_schema(url: str) -> None:
    """Raises SchemaNotReady, or psycopg's errors while the database cannot be reached."""
    found, needed = migrations.current_revision(url), migrations.head_revision()
    if found != needed:
        raise SchemaNotReady(found, needed)


@contextmanager
def event_log(url: str, part: str = "cli") -> Iterator[EventLog]:
    recorder = PostgresRecorder(url, _connections(part))
    try:
        yield EventLog(recorder)
    finally:
        recorder.close()


@contextmanager
def services(settings: Settings, url: str, part: str = "api", pool_size: int = API_POOL_SIZE) -> Iterator[Services]:
    """What the HTTP API and the commands call. Connects when it is first used."""
    read_url = settings.read_database_url.get_secret_value() if settings.read_database_url is not None else url
    with ExitStack() as opened:
        recorder = PostgresRecorder(url, _connections(part))
        opened.callback(recorder.close)
        pool = opened.enter_context(_pool(url, part, pool_size))
        read_pool = pool if read_url == url else opened.enter_context(_read_pool(read_url, part, pool_size))
        log = EventLog(recorder)
        people = PeopleDirectory(pool)
        read_models = ReadModels(read_pool, now, settings.payout_policy)
        replay = Replay(log, settings.payout_policy)
        seals = Seals(pool)
        months = MonthsOfJournal(read_pool)
        yield Services(
            settings=settings,
            database_url=url,
            log=log,
            ingestion=Ingestion(log, people),
            read_models=read_models,
            own_reads=_own_reads(settings, url, part, people),
            journal=Journal(read_pool),
            journal_stretch=JournalStretch(read_pool),
            months=months,
            closing=PeriodClosing(log, months, now, seal_at_least=partial(_seal_at_least, settings, url, seals)),
            replay=replay,
            stories=Stories(log, read_models, replay, now),
            people=people,
            seals=seals,
            todo=TodoList(pool),
            review=PayoutReview(log, now),
            reconciling=Reconciling(log, RunLines(pool), now),
        )


@asynccontextmanager
async def payout_worker(settings: Settings, url: str) -> AsyncIterator["PayoutWorker"]:
    """For the running event loop. Raises NoStripe."""
    # Stripe's client takes a quarter of a second to import, and every other process does without.
    from ledger.payouts.notices import Notices  # noqa: PLC0415
    from ledger.payouts.pace import Pace  # noqa: PLC0415
    from ledger.payouts.process import PayoutProcess  # noqa: PLC0415
    from ledger.payouts.stripe_gateway import StripeGateway  # noqa: PLC0415
    from ledger.payouts.watch import Watch  # noqa: PLC0415
    from ledger.payouts.worker import PayoutWorker, ThreadedLog  # noqa: PLC0415

    access = stripe_access(settings)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(DATABASE_THREADS, "database"))
    gateway = StripeGateway(access.api_key, access.api_base)
    try:
        with ExitStack() as opened:
            log = opened.enter_context(event_log(url, "worker"))
            wakeups = Wakeups(url, _connections("worker"))
            opened.callback(wakeups.close)
            crew = Presence(url, _connections("worker"), PAYOUT_WORKERS)
            opened.callback(crew.close)
            todo = TodoList(opened.enter_context(_todo_pool(url)))
            process = PayoutProcess(ThreadedLog(log), gateway, Pace(CALLS_AT_ONCE), now, settings.payout_policy)
            watch = Watch(todo, Notices(log, now), process.calls, now)
            yield PayoutWorker(process, watch, todo, log, wakeups, PAYOUTS_AT_ONCE, crew_size=crew.count)
    finally:
        await gateway.close()


@contextmanager
def projector(url: str) -> Iterator[tuple[Projector, Wakeups]]:
    with event_log(url, "projector") as log, _pool(url, "projector", 2) as pool:
        wakeups = Wakeups(url, _connections("projector"))
        try:
            yield Projector(pool, log), wakeups
        finally:
            wakeups.close()


def signing_key(settings: Settings) -> "SigningKey | None":
    """What seals the log; None: nothing is sealed."""
    from ledger.proof.notes import SigningKey  # noqa: PLC0415 - few commands need cryptography

    key = settings.ledger_seal_key
    return None if key is None else SigningKey.parse(key.get_secret_value())


def seal_store(settings: Settings, url: str) -> "SealStore | None":
    """Where seals are kept outside the database: LEDGER_SEAL_STORE; in the sandbox a folder of its own for each database."""
    from ledger.proof.seal_store import SealStore  # noqa: PLC0415 - it talks to S3

    if settings.ledger_seal_store is not None:
        return SealStore(settings.ledger_seal_store)
    if not is_sandbox(settings):
        return None
    return SealStore(str(data_folder(settings).seals(str(conninfo_to_dict(url).get("dbname") or "default"))))


def require_sealing(settings: Settings, url: str) -> None:
    """Raises SealRoleMissingError where there is a key to seal with and no right to, or psycopg's errors."""
    if signing_key(settings) is None or seal_store(settings, url) is None:
        return
    from ledger.proof.seal_role import require_seal_role  # noqa: PLC0415

    require_seal_role(_seal_url(settings, url))


@contextmanager
def sealer(settings: Settings, url: str) -> Iterator["tuple[Sealer, Wakeups] | None"]:
    """None where nothing is to be sealed. With the sealer's own login, if it has one, and the role that may write seals."""
    key, store = signing_key(settings), seal_store(settings, url)
    if key is None or store is None:
        yield None
        return
    from ledger.proof.seal_role import SEAL_ROLE  # noqa: PLC0415
    from ledger.proof.sealer import Sealer  # noqa: PLC0415

    own_url, connections = _seal_url(settings, url), replace(_connections("sealer"), role=SEAL_ROLE)
    with ExitStack() as opened:
        log = PostgresRecorder(own_url, connections)
        opened.callback(log.close)
        pool = opened.enter_context(open_pool(own_url, connections, max_size=2))
        wakeups = Wakeups(own_url, connections)
        opened.callback(wakeups.close)
        yield Sealer(pool, log, key, store), wakeups


def _seal_url(settings: Settings, url: str) -> str:
    return url if settings.seal_database_url is None else settings.seal_database_url.get_secret_value()


def _seal_at_least(settings: Settings, url: str, seals: Seals, position: int) -> str | None:
    """A signed checkpoint that covers a position: made here, or where key and right are; None where nothing is sealed."""
    from ledger.proof.errors import SealRoleMissingError  # noqa: PLC0415

    try:
        require_sealing(settings, url)
        with sealer(settings, url) as parts:
            if parts is not None:
                return parts[0].seal_at_least(position)
    except SealRoleMissingError:
        pass  # whoever seals has a login of their own
    seal = seals.wait_for(position, settings.ledger_seal_seconds + SEALING_SECONDS)
    return None if seal is None else seal.note


@contextmanager
def owner_pool(url: str) -> Iterator[ConnectionPool[psycopg.Connection]]:
    """Connections as the URL's own user, without time limits: for rebuilding and comparing read models."""
    unhurried = ConnectionSettings(
        "ledger owner",
        role=None,
        statement_timeout_seconds=0,
        lock_timeout_seconds=0,
        idle_in_transaction_timeout_seconds=0,
    )
    with open_pool(url, unhurried, max_size=2) as pool:
        yield pool


def _pool(url: str, part: str, size: int) -> ConnectionPool[psycopg.Connection]:
    return open_pool(url, _connections(part), max_size=size)


def _todo_pool(url: str) -> ConnectionPool[psycopg.Connection]:
    """The list is worked out from the log, in transactions of its own: what a crash of the server loses of it, rows and checkpoint
    together, is worked out again. So nobody waits for the disk; the log's own appends do.
    """
    settings = replace(_connections("worker"), server_settings={"synchronous_commit": "off"})
    return open_pool(url, settings, max_size=WORKER_POOL_SIZE)


def _read_pool(url: str, part: str, size: int) -> ConnectionPool[psycopg.Connection]:
    return open_pool(url, replace(_connections(part), role="ledger_read"), max_size=size)


def _own_reads(settings: Settings, url: str, part: str, people: PeopleDirectory) -> OwnReads:
    """Names are in the database that is written to, and not for the role that reads elsewhere."""
    connections = replace(_connections(part), server_settings=FIXED_PLANS)
    if settings.read_database_url is None:
        questions = OwnQuestions(now, settings.payout_policy, with_names=True)
        return OwnReads(async_pool(url, connections, max_size=CONNECTIONS), questions)
    read_url = settings.read_database_url.get_secret_value()
    pool = async_pool(read_url, replace(connections, role="ledger_read"), max_size=CONNECTIONS)
    return OwnReads(pool, OwnQuestions(now, settings.payout_policy), people.names_of)


def _connections(part: str) -> ConnectionSettings:
    return ConnectionSettings(application_name=f"ledger {part}")
