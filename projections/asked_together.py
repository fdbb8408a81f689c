"""Questions that wait at the same moment are asked as one: a statement for thirty costs little more than a statement for one.

Nobody waits for company: a question goes as soon as a connection is free, with those that came in meanwhile. So the answer is no
older than the question, and a lone one takes as long as ever.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.own_questions import Question, Rows, apart, together

__all__ = ["CONNECTIONS", "AskedTogether"]

CONNECTIONS = 2
"""One can be asked while the other one's answers are worked out; with more of them there is less company."""

MOST_ROWS = 2048
"""Of a statement for more than one: what it returns is read at one go, and nothing else is answered meanwhile."""

AnswerT = TypeVar("AnswerT")


class _Waiting(NamedTuple):
    question: Question[Any]
    rows: asyncio.Future[Rows]


class AskedTogether:
    """For questions of one statement, and one event loop. Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        self._pool = pool
        self._waiting: deque[_Waiting] = deque()
        self._work: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question[AnswerT]) -> AnswerT:
        waiting = _Waiting(question, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._work) < CONNECTIONS:
            # In a context of its own: it works for everybody, and not under the first one's request id.
            work = asyncio.create_task(self._ask_all(), context=Context())
            self._work.add(work)
            work.add_done_callback(self._work.discard)
        return question.answer(await waiting.rows)

    async def _ask_all(self) -> None:
        while self._waiting:
            try:
                async with self._pool.connection() as connection:
                    if group := self._next_group():
                        await _ask_together(connection, group)
            except Exception as error:  # noqa: BLE001 - there is no connection: nobody who waits need wait any longer
                while group := self._next_group():
                    _tell(group, error)

    def _next_group(self) -> list[_Waiting]:
        """In the order of arrival."""
        group: list[_Waiting] = []
        rows = 0
        while self._waiting and (not group or rows + self._waiting[0].question.most_rows <= MOST_ROWS):
            group.append(self._waiting.popleft())
            rows += group[-1].question.most_rows
        return group


async def _ask_together(connection: AsyncConnection, group: Sequence[_Waiting]) -> None:
    try:
        cursor = connection.cursor(binary=True)
        await cursor.execute(group[0].question.statement, together([each.question for each in group]), prepare=True)
        found = apart(await cursor.fetchall(), len(group))
    except psycopg.OperationalError as error:
        _tell(group, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
        if len(group) == 1:
            _tell(group, error)
            return
        for each in group:  # one of them spoilt it for all: each on its own
            await _ask_together(connection, [each])
    else:
        for each, rows in zip(group, found, strict=True):
            if not each.rows.done():  # cancelled: whoever asked went away
                each.rows.set_result(rows)


def _tell(group: Sequence[_Waiting], error: Exception) -> None:
    for each in group:
        if not each.rows.done():
            each.rows.set_exception(error)
