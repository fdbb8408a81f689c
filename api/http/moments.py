"""The two clocks in a query string: `as_of` (recorded) and `effective_at`, `effective_from` (happened)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from starlette.concurrency import run_in_threadpool

from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.moments import effective_from, effective_until
from projections.as_of import NotYetError, UnreadableMomentError, moment, parse

__all__ = ["AsOf", "EffectiveAt", "EffectiveFrom"]

LONGEST = 40

FoundT = TypeVar("FoundT")


async def _as_of(
    parts: PartsOfApp,
    as_of: Annotated[
        str | None,
        Query(
            max_length=LONGEST,
            description="With what had been recorded by then: a position; a time; or a date, which means its end in UTC",
            examples=["2026-03-31"],
        ),
    ] = None,
) -> int | None:
    """The position that is meant, once the read models reflect it. Raises ProblemError."""
    if as_of is None:
        return None
    position = await run_in_threadpool(_position, parts, as_of)
    await parts.read_models.reach(position)
    return position


def _position(parts: PartsOfApp, text: str) -> int:
    now = datetime.now(UTC)
    try:
        return moment(parts.services.log.recorder, _read("as_of", lambda: parse(text, now)), now).position
    except NotYetError as error:
        raise ProblemError(Kind.NOT_YET, f"as_of: {error}.") from None


def _effective_at(
    effective_at: Annotated[
        str | None,
        Query(
            max_length=LONGEST,
            description="Of what had happened by then: a time; or a date, which means its end in UTC",
            examples=["2026-03-31T18:00:00Z"],
        ),
    ] = None,
) -> datetime | None:
    return None if effective_at is None else _read("effective_at", lambda: effective_until(effective_at))


def _effective_from(
    effective_from_: Annotated[
        str | None,
        Query(
            alias="effective_from",
            max_length=LONGEST,
            description="Of what happened from then on: a time; or a date, which means its beginning in UTC",
            examples=["2026-03-01"],
        ),
    ] = None,
) -> datetime | None:
    return None if effective_from_ is None else _read("effective_from", lambda: effective_from(effective_from_))


def _read(parameter: str, read: Callable[[], FoundT]) -> FoundT:
    try:
        return read()
    except UnreadableMomentError as error:
        problem = {"at": f"query.{parameter}", "problem": str(error)}
        raise ProblemError(Kind.VALIDATION_FAILED, "See errors.", {"errors": [problem]}) from None


AsOf = Annotated[int | None, Depends(_as_of)]
EffectiveAt = Annotated[datetime | None, Depends(_effective_at)]
EffectiveFrom = Annotated[datetime | None, Depends(_effective_from)]
