"""What happens to one instructor in a generated season: a story told by drawing lots."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

SIGN_UPS: dict[tuple[str, ...], int] = {
    ("friend",): 60,
    ("alone",): 18,
    ("own",): 5,
    ("unknown",): 4,
    ("friend", "another"): 3,
    ("friend", "another", "friend"): 1,
    ("friend", "unknown"): 1,
    ("unknown", "friend"): 2,
    ("alone", "friend"): 3,
    ("own", "friend"): 2,
    ("friend", "alone"): 1,
}
"""Whose code an instructor signs up with, time after time, and how often that story is told."""

ACCOUNTS: dict[tuple[tuple[str, bool], ...], int] = {
    (): 8,
    (("ok", True),): 55,
    (("ok", False), ("ok", True)): 12,
    (("inactive", False),): 5,
    (("inactive", False), ("ok", True)): 2,
    (("closed", True),): 4,
    (("closed", True), ("closed", True)): 1,
    (("closed", True), ("ok", True)): 4,
    (("ok", True), ("ok2", True)): 3,
    (("ok", True), ("ok", True)): 3,
    (("ok", True), ("ok", False), ("ok", True)): 3,
}
"""What becomes known of a payout account: its kind, and whether transfers are active. An account either ends payable or
never was, and a closed one is only ever followed by a payable one: whenever a payout is tried, the end is the same."""


@dataclass(frozen=True)
class Happening:
    """One fact about the instructor. ``may_be_late``: it may be delivered after facts that happened later."""

    type: str
    time: datetime
    data: dict[str, Any]
    may_be_late: bool = True


def code_of(index: int) -> str | None:
    """The code of an instructor; every twelfth leaves it to the ledger to issue one."""
    return None if index % 12 == 11 else f"REF{index:05d}"


def second_code_of(index: int) -> str | None:
    """A few instructors run a campaign under another code."""
    return f"SPRING{index:05d}" if index % 25 == 7 else None


def tell(index: int, joined: datetime, lots: Random) -> Iterator[Happening]:
    """Everything that happens to instructor ``index``, who joins at ``joined``; not in the order of time."""
    yield from _codes(index, joined, lots)
    signed_up = joined + _hours(lots, 0.02, 0.4)
    yield from _sign_ups(index, signed_up, lots)
    yield from _accounts(index, joined, lots)
    yield from _teaching(index, signed_up, lots)


def _codes(index: int, joined: datetime, lots: Random) -> Iterator[Happening]:
    kind = "instructor.referral_code_issued"
    if index and lots.random() < 0.03:
        yield Happening(kind, joined - timedelta(seconds=30), {"code": _friend(index, lots)})
    for code, after in ((code_of(index), timedelta()), (second_code_of(index), timedelta(days=2))):
        if code:
            yield Happening(kind, joined + after, {"code": code})


def _sign_ups(index: int, time: datetime, lots: Random) -> Iterator[Happening]:
    if lots.random() < 0.02:  # somebody who taught before
        lesson = {"lesson_id": f"les_{index:05d}_early"}
        yield Happening("instructor.lesson_completed", time - timedelta(seconds=3), lesson)
    (steps,) = lots.choices(list(SIGN_UPS), list(SIGN_UPS.values()))
    friend = _friend(index, lots)
    codes = {
        "friend": friend,
        "another": _friend(index, lots),
        "own": code_of(index),
        "unknown": f"NOPE{index:05d}",
        "alone": None,
    }
    for step in steps:
        data = {"referral_code": codes[step]} if codes[step] else {}
        if lots.random() < 0.3:
            data["display_name"] = f"Instructor {index}"
        yield Happening("instructor.signed_up", time, data)
        time += _hours(lots, 1, 5)


def _accounts(index: int, time: datetime, lots: Random) -> Iterator[Happening]:
    (steps,) = lots.choices(list(ACCOUNTS), list(ACCOUNTS.values()))
    # A late update is stale only while no other has the same values; otherwise it could undo the end of the story.
    may_be_late = len(set(steps)) == len(steps)
    time += _hours(lots, 2, 72)
    for account, active in steps:
        data = {"stripe_account_id": f"acct_{account}{index:06d}", "transfers_active": active}
        yield Happening("instructor.payout_account_updated", time, data, may_be_late)
        time += _hours(lots, 12, 240)


def _teaching(index: int, time: datetime, lots: Random) -> Iterator[Happening]:
    live = time + _hours(lots, 12, 96)
    goes_live = lots.random() < 0.8
    if goes_live:
        yield Happening("instructor.went_live", live, {})
    guest = lots.random() < 0.05  # teaches before going live, or without ever doing so
    if guest or (goes_live and lots.random() < 0.75):
        lesson = time + _hours(lots, 1, 10) if guest else live + _hours(lots, 6, 60)
        for number in range(lots.randint(1, 4)):
            yield Happening("instructor.lesson_completed", lesson, {"lesson_id": f"les_{index:05d}_{number}"})
            lesson += _hours(lots, 24, 72)


def _friend(index: int, lots: Random) -> str:
    """The code of somebody who joined earlier; the earliest know the most people."""
    friend = int(index * lots.random() ** 2.5)
    campaign = second_code_of(friend)
    if campaign and lots.random() < 0.5:
        return campaign
    return code_of(friend) or f"REF{friend - 1:05d}"


def _hours(lots: Random, least: float, most: float) -> timedelta:
    return timedelta(hours=lots.uniform(least, most))
