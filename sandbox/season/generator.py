"""Seasons by seed: lifecycle facts as a platform would deliver them, at least once and not quite in order.

Every instructor lives a story of their own (:mod:`sandbox.season.story`): codes issued, taken or left to the ledger;
sign-ups with a friend's code, none, their own, an unknown one, or a second one; payout accounts that are missing,
pending, closed, replaced or flickering; lessons before sign-up and before going live. Deliveries come in the order of
the time they happened, but some are late by days, and some come twice.

**A fair season.** Payouts are made while a season is played, so its result must not depend on whether a payout is
tried before or after a later delivery. Therefore an instructor's account either is payable in the end (whatever was
earned is paid then, if it was not before) or never was; a closed account is only ever followed by a payable one; and
updates that repeat earlier values are never overtaken, because an update ignored as unchanged does not make a late one
stale. Which bonuses are founding depends on the order of deliveries alone.

Stories are independent and lazily merged: memory holds a month of deliveries, whatever the size of the season.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from sandbox.season.story import Happening, tell

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
JOINED_SINCE_START = 600
MEAN_MINUTES_BETWEEN_INSTRUCTORS = 40
LATE_SHARE = 0.1
REPEATED_SHARE = 0.06
LATEST_DAYS = {
    "instructor.referral_code_issued": 1,
    "instructor.signed_up": 2,
    "instructor.payout_account_updated": 28,
    "instructor.went_live": 8,
    "instructor.lesson_completed": 5,
}
"""How late a late delivery may be."""


def start_of(instructors: int) -> datetime:
    """When the first one joins: the more there are, the earlier, so that nothing of the season is yet to happen.

    A ledger takes no facts of the future.
    """
    earlier = max(0, instructors - JOINED_SINCE_START)
    return START - timedelta(minutes=1.1 * earlier * MEAN_MINUTES_BETWEEN_INSTRUCTORS)


def generate(instructors: int, seed: int = 0, start: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield the deliveries of a season, as CloudEvents, in the order of delivery; the same for the same arguments.

    About six deliveries for each instructor. ``start`` has a zone; without it, see `start_of`.
    """
    underway: list[tuple[datetime, int, dict[str, Any]]] = []  # a heap by the moment of delivery, then by its number
    numbers, deliveries = count(1), count()
    joins = Random(f"{seed} joins")  # noqa: S311 - lots for a story, not a secret
    joined = start or start_of(instructors)
    for index in range(instructors):
        while underway and underway[0][0] < joined - timedelta(minutes=1):  # nothing of a later story comes before
            yield heappop(underway)[2]
        lots = Random(f"{seed} {index}")  # noqa: S311 - the same
        for happening in tell(index, joined, lots):
            event = _cloud_event(next(numbers), index, happening)
            for moment in _moments(happening, lots):
                heappush(underway, (moment, next(deliveries), event))
        joined += timedelta(minutes=joins.expovariate(1 / MEAN_MINUTES_BETWEEN_INSTRUCTORS))
    while underway:
        yield heappop(underway)[2]


def to_line(event: dict[str, Any]) -> str:
    """One line of a season file."""
    return json.dumps(event) + "\n"


def _moments(happening: Happening, lots: Random) -> Iterator[datetime]:
    moment = happening.time
    if happening.may_be_late and lots.random() < LATE_SHARE:
        moment += timedelta(days=lots.uniform(0, LATEST_DAYS[happening.type]))
    yield moment
    if lots.random() < REPEATED_SHARE:
        yield moment + timedelta(days=lots.uniform(0, 2))


def _cloud_event(number: int, index: int, happening: Happening) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"evt-{number:06d}",
        "source": "/platform/bookings",
        "type": happening.type,
        "subject": f"ins_{index:05d}",
        "time": happening.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "datacontenttype": "application/json",
        "data": happening.data,
    }
