"""Stripe's limits: requests a second (token buckets of one second's worth) and requests at a time."""

from collections import Counter
from dataclasses import dataclass

from sandbox.stripe_twin.clock import Clock
from sandbox.stripe_twin.refusals import rate_limited
from sandbox.stripe_twin.settings import Limits

_ALL = ""


@dataclass
class _Bucket:
    rate: float
    tokens: float
    filled_at: float

    def take(self, now: float) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Limiter:
    """Admits calls or raises 429 with Stripe's reason. Counts in memory: a restarted twin starts with full buckets."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._running: Counter[str] = Counter()

    def admit(self, endpoint: str) -> None:
        """Refuse what exceeds a limit; what is admitted must be followed by `leave`."""
        for scope, name, rate, most in (
            ("global", _ALL, self._limits.global_rate, self._limits.global_concurrency),
            ("endpoint", endpoint, self._limits.endpoint_rate, self._limits.endpoint_concurrency),
        ):
            if most is not None and self._running[name] >= most:
                raise rate_limited(f"{scope}-concurrency")
            if rate is not None and not self._bucket(name, rate).take(self._clock()):
                raise rate_limited(f"{scope}-rate")
        self._running.update((_ALL, endpoint))

    def leave(self, endpoint: str) -> None:
        """An admitted call has ended."""
        self._running.subtract((_ALL, endpoint))

    def _bucket(self, name: str, rate: float) -> _Bucket:
        if name not in self._buckets:
            self._buckets[name] = _Bucket(rate, tokens=max(rate, 1.0), filled_at=self._clock())
        return self._buckets[name]
