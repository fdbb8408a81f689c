"""Logs: structlog for ours and for the libraries' alike, on standard error; JSON lines, or for eyes on a terminal."""

import logging
import sys

import structlog
from structlog.typing import Processor

from api.settings import Settings

__all__ = ["configure", "keep_quiet"]


def configure(settings: Settings, part: str) -> None:
    """For a part that runs on its own: everything from the level of the settings on."""
    as_json = (settings.ledger_log_format or ("console" if sys.stderr.isatty() else "json")) == "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    level = settings.ledger_log_level.upper()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A line that is not wanted is not put together either.
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    rendered: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        # Not the prettier tracebacks of rich: they print the local variables, and with them keys and names.
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Each of their lines is about one connection or one request; ours say what matters.
    for chatty in ("httpx", "httpcore", "stripe", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(part=part)


def keep_quiet() -> None:
    """For a command that answers a person: what goes wrong reaches them as the command's own words."""
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
