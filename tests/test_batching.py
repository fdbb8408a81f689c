"""Things that are done together: each gets its own result, what spoils one spoils no other, and nobody is left waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from ledger.batching import Batching

ALL_IN_TIME_SECONDS = 30


class Away(Exception):
    """As a database is."""


class Doubling:
    """Work that notes its batches, and does nothing until it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.is_away = False

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append([*items])
        await self.may_go_on.wait()
        if self.is_away:
            raise Away
        if -1 in items:
            raise ValueError("-1 spoils it")
        return [2 * item for item in items]


def batching(work: Doubling, *, most: int = 100, at_once: int = 1) -> Batching[int, int]:
    return Batching(
        work,
        concerns_all=lambda error: isinstance(error, Away),
        fits=lambda batch, _: len(batch) < most,
        at_once=at_once,
    )


def in_time(story: Callable[[], Awaitable[None]]) -> None:
    """Whoever is left waiting fails the test."""

    async def told() -> None:
        await asyncio.wait_for(story(), ALL_IN_TIME_SECONDS)

    asyncio.run(told())


async def everybody_has_come() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("at_once", "most", "expected"),
    [
        (1, 100, [[1], [2, 3, 4, 5]]),
        (1, 2, [[1], [2, 3], [4, 5]]),
        (2, 100, [[1], [2], [3, 4, 5]]),
    ],
)
def test_what_comes_meanwhile_shares_the_next_batch(at_once: int, most: int, expected: list[list[int]]) -> None:
    async def story() -> None:
        work = Doubling()
        done = batching(work, most=most, at_once=at_once)
        asking = []
        for item in (1, 2, 3, 4, 5):
            asking.append(asyncio.create_task(done.do(item)))
            await everybody_has_come()
            await everybody_has_come()
        work.may_go_on.set()
        assert await asyncio.gather(*asking) == [2, 4, 6, 8, 10]
        assert work.batches == expected

    in_time(story)


@pytest.mark.parametrize("at_once", [1, 2])
def test_one_who_comes_again_at_once_is_not_left_waiting(at_once: int) -> None:
    async def story() -> None:
        work = Doubling()
        work.may_go_on.set()
        done = batching(work, at_once=at_once)

        async def again_and_again() -> list[int]:
            return [await done.do(item) for item in range(5)]

        assert await asyncio.gather(*(again_and_again() for _ in range(3))) == [[0, 2, 4, 6, 8]] * 3

    in_time(story)


def test_what_spoils_one_spoils_no_other() -> None:
    async def story() -> None:
        work = Doubling()
        done = batching(work)
        asking = [asyncio.create_task(done.do(item)) for item in (1, -1, 3)]
        work.may_go_on.set()
        first, spoilt, third = await asyncio.gather(*asking, return_exceptions=True)
        assert (first, third) == (2, 6)
        assert isinstance(spoilt, ValueError)
        assert work.batches == [[1, -1, 3], [1], [-1], [3]]

    in_time(story)


def test_what_concerns_all_is_told_to_all_and_the_next_is_done() -> None:
    async def story() -> None:
        work = Doubling()
        work.is_away = True
        done = batching(work)
        asking = [asyncio.create_task(done.do(item)) for item in (1, 2)]
        work.may_go_on.set()
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(each) for each in told] == [Away, Away]
        assert work.batches == [[1, 2]]
        work.is_away = False
        assert await done.do(3) == 6

    in_time(story)


def test_work_that_forgets_somebody_leaves_nobody_waiting() -> None:
    async def story() -> None:
        async def forget_the_last(items: Sequence[int]) -> Sequence[int]:
            return [*items[:-1]]

        done: Batching[int, int] = Batching(forget_the_last, concerns_all=lambda _: False)
        told = await asyncio.gather(*map(done.do, (1, 2)), return_exceptions=True)
        assert [type(each) for each in told] == [ValueError, ValueError]

    in_time(story)


def test_whoever_goes_away_takes_nobody_along() -> None:
    async def story() -> None:
        work = Doubling()
        done = batching(work)
        asking = [asyncio.create_task(done.do(item)) for item in (1, 2, 3)]
        await everybody_has_come()
        asking[1].cancel()
        work.may_go_on.set()
        first, gone, third = await asyncio.gather(*asking, return_exceptions=True)
        assert (first, third) == (2, 6)
        assert isinstance(gone, asyncio.CancelledError)

    in_time(story)
