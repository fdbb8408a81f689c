"""When to try again. Delays grow and are spread by a jitter drawn from the payout's own id, so every process that asks
gets the same answer and a crowd of payouts does not come back at the same moment.
"""

import hashlib
from datetime import datetime, timedelta

UNANSWERED_DELAYS_SECONDS = (2, 5, 15, 30, 60, 120, 300, 600, 900)
LOOKUP_DELAYS_SECONDS = (15, 60, 300, 900)
DECLINED_DELAYS_SECONDS = (60, 120, 300, 600, 1200, 2400, 3600)
JITTER = 0.2

KEY_WINDOW = timedelta(hours=23)
"""How long after its first use an idempotency key may be sent again. Stripe keeps keys for at least 24 h (STRIPE.md)."""

RETRY_WINDOW = timedelta(days=7)
"""How long definitive declines are retried before a person has to look (STRIPE.md)."""


def delay(delays_seconds: tuple[int, ...], turn: int, seed: str) -> timedelta:
    """The delay after the `turn`-th try (counted from 1), jittered by ±20 %; the last one repeats for ever."""
    turn = min(turn, len(delays_seconds))
    draw = int.from_bytes(hashlib.sha256(f"{seed}:{turn}".encode()).digest()[:4], "big") / 2**32
    return timedelta(seconds=delays_seconds[turn - 1] * (1 - JITTER + 2 * JITTER * draw))


def next_point(delays_seconds: tuple[int, ...], anchor: datetime, now: datetime, seed: str) -> datetime:
    """The first moment after `now` of the schedule that starts at `anchor`. As quick after a year as after a minute."""
    point = anchor
    for turn in range(1, len(delays_seconds) + 1):
        point += delay(delays_seconds, turn, seed)
        if point > now:
            return point
    period = delay(delays_seconds, len(delays_seconds), seed)
    return point + period * ((now - point) // period + 1)
