"""How the ledger connects to PostgreSQL: as which role, and how long it waits for what."""

import selectors
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool

__all__ = ["FIXED_PLANS", "ConnectionSettings", "Selector", "async_pool", "connect", "is_readable", "open_pool"]

# For connections that run only the store's own statements: plans made once, and made for a log that has grown. One that
# was chosen while the log was short (a scan) would stay cached while it grows.
FIXED_PLANS: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

# libpq: notice within about a minute that the other side is gone without having said so.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}


@dataclass(frozen=True)
class ConnectionSettings:
    """What every connection of the ledger is given at its start. Zero seconds mean no limit."""

    application_name: str = "ledger"
    role: str | None = "ledger_app"
    """Taken on with SET ROLE; None stays the user of the URL."""
    connect_timeout_seconds: int = 5
    """For each host of the URL."""
    lock_timeout_seconds: float = 5.0
    statement_timeout_seconds: float = 30.0
    idle_in_transaction_timeout_seconds: float = 30.0
    server_settings: Mapping[str, str] = field(default_factory=dict)


def _connection_string(database_url: str, settings: ConnectionSettings | None = None) -> str:
    """A libpq connection string: the URL, in any form that libpq knows (several hosts, a socket folder), and settings.

    Options that the URL itself names are kept, and win.
    """
    settings = settings or ConnectionSettings()
    server_settings = {
        "TimeZone": "UTC",
        "default_transaction_isolation": "read committed",
        "lock_timeout": _milliseconds(settings.lock_timeout_seconds),
        "statement_timeout": _milliseconds(settings.statement_timeout_seconds),
        "idle_in_transaction_session_timeout": _milliseconds(settings.idle_in_transaction_timeout_seconds),
        **({"role": settings.role} if settings.role else {}),
        **settings.server_settings,
    }
    options = " ".join(f"-c {name}={_escaped(value)}" for name, value in server_settings.items())
    given = conninfo_to_dict(database_url)
    defaults: dict[str, Any] = {
        "application_name": settings.application_name,
        "client_encoding": "UTF8",
        "connect_timeout": settings.connect_timeout_seconds,
        **_KEEPALIVES,
    }
    given_options = given.pop("options", None) or ""
    return make_conninfo(**{**defaults, **given, "options": f"{options} {given_options}".strip()})


def connect(database_url: str, settings: ConnectionSettings | None = None) -> psycopg.Connection:
    """A connection in autocommit mode. Raises psycopg.OperationalError."""
    return psycopg.connect(_connection_string(database_url, settings), autocommit=True)


def open_pool(
    database_url: str,
    settings: ConnectionSettings | None = None,
    *,
    max_size: int = 8,
    wait_seconds: float = 5.0,
    **pool_options: Any,
) -> ConnectionPool[psycopg.Connection]:
    """A pool of connections in autocommit mode that opens them as they are needed, and again after the server was away.

    Whoever waits longer than `wait_seconds` for a connection gets psycopg_pool.PoolTimeout (a
    psycopg.OperationalError).
    """
    options = {**_pool_options(max_size, wait_seconds), **pool_options}
    return ConnectionPool(_connection_string(database_url, settings), open=True, **options)


def async_pool(
    database_url: str, settings: ConnectionSettings | None = None, *, max_size: int = 8, wait_seconds: float = 5.0
) -> AsyncConnectionPool[psycopg.AsyncConnection]:
    """The same for an event loop, which has to open it."""
    options = _pool_options(max_size, wait_seconds)
    return AsyncConnectionPool(_connection_string(database_url, settings), open=False, **options)


def _pool_options(max_size: int, wait_seconds: float) -> dict[str, Any]:
    return {
        "kwargs": {"autocommit": True},
        "min_size": 0,
        "max_size": max_size,
        "timeout": wait_seconds,
        # The pool doubles its pause after each failure. Giving up early makes it start afresh with the next caller.
        "reconnect_timeout": wait_seconds,
    }


def is_readable(connection: psycopg.Connection) -> bool:
    """Whether the server has sent something that nobody has read yet; the end of the connection counts."""
    with Selector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


# poll() takes any descriptor, select() only the first thousand; Windows has select() only.
Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


def _milliseconds(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
