"""Questions that wait at the same moment are asked as one: a statement for thirty costs little more than a statement for one."""

from collections.abc import Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.batching import Batching
from projections.own_questions import Question, Rows, apart, together

__all__ = ["CONNECTIONS", "AskedTogether"]

CONNECTIONS = 2
"""One can be asked while the other one's answers are worked out; with more of them there is less company."""

MOST_ROWS = 2048
"""Of a statement for more than one: what it returns is read at one go, and nothing else is answered meanwhile."""

AnswerT = TypeVar("AnswerT")


class AskedTogether:
    """For questions of one statement, and one event loop. Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        self._pool = pool
        self._batching = Batching(self._rows_of, concerns_all=_is_lost, fits=_fits, at_once=CONNECTIONS)

    async def ask(self, question: Question[AnswerT]) -> AnswerT:
        return question.answer(await self._batching.do(question))

    async def _rows_of(self, questions: Sequence[Question[Any]]) -> Sequence[Rows]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(questions[0].statement, together(questions), prepare=True)
            return apart(await cursor.fetchall(), len(questions))


def _fits(questions: Sequence[Question[Any]], one_more: Question[Any]) -> bool:
    return sum(each.most_rows for each in questions) + one_more.most_rows <= MOST_ROWS


def _is_lost(error: Exception) -> bool:
    return isinstance(error, psycopg.OperationalError)
