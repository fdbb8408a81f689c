"""`ledger trial-balance`, `ledger journal`, `ledger statement`: the books at any moment, by either clock."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from api import composition
from api.cli import books_screen, databases, screen, structured_log
from api.cli.caught_up import caught_up
from api.cli.errors import UsageProblem
from api.cli.named_ids import instructor_id, payout_id
from api.moments import effective_from, effective_until
from api.services import Services
from api.settings import Settings
from ledger.books.accounts import CHART, Account
from ledger.books.months import Month
from projections.as_of import NotYetError, UnreadableMomentError, moment, parse
from projections.journal import Filters

__all__ = ["books", "journal", "month_of_books", "print_json", "statement", "trial_balance"]

PAGE = 1000

_MONTH: TypeAdapter[str] = TypeAdapter(Month)

FoundT = TypeVar("FoundT")


def trial_balance(as_of: str | None, effective_at: str | None, *, as_json: bool) -> None:
    until = _effective_at(effective_at)
    with books("trial-balance") as services:
        found = services.journal.trial_balance(_position(services, as_of), until)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        books_screen.trial_balance(found)


def journal(
    account: str | None,
    instructor: str | None,
    payout: str | None,
    period: str | None,
    since: str | None,
    until: str | None,
    as_of: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    filters = Filters(
        account=_account(account) if account is not None else None,
        instructor_id=_instructor(instructor),
        payout_id=payout_id(payout, "--payout") if payout is not None else None,
        period=month_of_books(period, "--period") if period is not None else None,
        effective_from=_effective_from(since),
        effective_at=_effective_at(until),
    )
    with books("journal") as services:
        position = _position(services, as_of)
        page = services.journal.entries(filters, limit=min(PAGE, limit), as_of=position)
        found = list(page.items)
        while page.next_after is not None and len(found) < limit:
            page = services.journal.entries(
                filters, limit=min(PAGE, limit - len(found)), after=page.next_after, as_of=position
            )
            found += page.items
    more = page.next_after is not None
    if as_json:
        shown = [each.model_dump(mode="json") for each in found]
        print_json({"items": shown, "more": more, "position": page.position})
    else:
        books_screen.journal(found, more=more, position=page.position)


def statement(
    account: str,
    instructor: str | None,
    since: str | None,
    until: str | None,
    as_of: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    which = _account(account)
    whose = _instructor(instructor)
    if whose is not None and not CHART[which].per_instructor:
        raise UsageProblem(f"--instructor: {which} is not kept for each instructor")
    begins, ends = _effective_from(since), _effective_at(until)
    with books("statement") as services:
        found = services.journal.statement(
            which,
            whose,
            limit=limit,
            as_of=_position(services, as_of),
            effective_from=begins,
            effective_at=ends,
        )
    if as_json:
        shown = found.model_dump(mode="json", exclude={"next_after"})
        print_json({**shown, "more": found.next_after is not None})
    else:
        books_screen.statement(found)


@contextmanager
def books(part: str) -> Iterator[Services]:
    """The services, with a journal that reflects the whole log."""
    structured_log.keep_quiet()
    settings = composition.completed(Settings())
    if composition.is_sandbox(settings):
        screen.sandbox_note()
    with databases.history(settings) as (url, _), caught_up(settings, url, part) as services:
        yield services


def month_of_books(text: str, named: str) -> str:
    try:
        return _MONTH.validate_python(text)
    except ValidationError:
        raise UsageProblem(f"{named} is a month like 2026-03, not {text[:20]!r}") from None


def print_json(document: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _account(text: str) -> Account:
    try:
        return Account(text)
    except ValueError:
        raise UsageProblem(f"an account is one of {', '.join(Account)}; not {text[:40]!r}") from None


def _instructor(text: str | None) -> str | None:
    return None if text is None else instructor_id(text, "--instructor")


def _position(services: Services, as_of: str | None) -> int | None:
    if as_of is None:
        return None
    now = composition.now()
    try:
        return moment(services.log.recorder, _read("--as-of", lambda: parse(as_of, now)), now).position
    except NotYetError as error:
        raise UsageProblem(f"--as-of: {error}") from None


def _effective_at(text: str | None) -> datetime | None:
    return None if text is None else _read("--effective-at", lambda: effective_until(text))


def _effective_from(text: str | None) -> datetime | None:
    return None if text is None else _read("--effective-from", lambda: effective_from(text))


def _read(option: str, read: Callable[[], FoundT]) -> FoundT:
    try:
        return read()
    except UnreadableMomentError as error:
        raise UsageProblem(f"{option}: {error}") from None
