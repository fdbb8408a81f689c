"""Own questions, asked from an event loop: without a thread, whose hand-over costs more than the question (docs/decisions/0023)."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections import asked_together
from projections.asked_together import AskedTogether
from projections.own_questions import OwnQuestions, ReferralsPage
from projections.views import InstructorStats

CONNECTIONS = 2 * asked_together.CONNECTIONS

NamesOf = Callable[[Iterable[str]], dict[str, str]]


class OwnReads:
    """A context: its connections belong to the event loop that entered it. Raises psycopg's errors when the database is lost.

    `names_of` asks for names elsewhere, on a thread, if they do not come along with the referrals.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection],
        questions: OwnQuestions,
        names_of: NamesOf | None = None,
    ) -> None:
        self._pool = pool
        self._stats, self._referred = AskedTogether(pool), AskedTogether(pool)
        self._questions = questions
        self._names_of = names_of

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def stats(self, instructor_id: str) -> InstructorStats:
        return await self._stats.ask(self._questions.stats(instructor_id))

    async def referred(self, referrer_id: str, *, limit: int, after: int | None = None) -> ReferralsPage:
        page = await self._referred.ask(self._questions.referred(referrer_id, limit=limit, after=after))
        if self._names_of is None:
            return page
        referred = [str(each["referred_id"]) for each in page.items]
        return page._replace(names=await asyncio.to_thread(self._names_of, referred))
