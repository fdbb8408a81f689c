"""The twin's settings. Durations are in seconds, amounts in minor units; `None` switches a limit off."""

import math
from dataclasses import dataclass, field
from random import Random

API_VERSION = "2026-10-28.endive"  # what stripe 16.1 pins
PLATFORM = "acct_platform"

# Decimal places of the currencies the twin knows. Stripe's zero-decimal currencies count whole units.
CURRENCIES = {"usd": 2, "eur": 2, "gbp": 2, "cad": 2, "aud": 2, "chf": 2, "sek": 2, "nzd": 2, "jpy": 0}

_99TH_PERCENTILE = 2.3263478740408408  # in standard deviations of a normal distribution


@dataclass(frozen=True)
class Latency:
    """How long a call takes: lognormal, told by its median and its 99th percentile."""

    median_seconds: float = 0.25
    p99_seconds: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.median_seconds < self.p99_seconds:
            raise ValueError(f"expected 0 < median < 99th percentile, not {self.median_seconds}, {self.p99_seconds}")

    def draw(self, random: Random) -> float:
        """One call's duration in seconds."""
        sigma = math.log(self.p99_seconds / self.median_seconds) / _99TH_PERCENTILE
        return random.lognormvariate(math.log(self.median_seconds), sigma)


@dataclass(frozen=True)
class Limits:
    """Requests a second and at a time, for the whole account and for each endpoint. Stripe's test mode: 25 a second."""

    global_rate: float | None = None
    endpoint_rate: float | None = None
    global_concurrency: int | None = None
    endpoint_concurrency: int | None = None


@dataclass(frozen=True)
class WebhookHabits:
    """How badly events are delivered."""

    max_delay_seconds: float = 0.0  # each delivery waits a random time up to this
    reorder_rate: float = 0.0  # share of deliveries that wait `reorder_seconds` longer, so that others overtake them
    reorder_seconds: float = 30.0
    duplicate_rate: float = 0.0
    drop_rate: float = 0.0  # never delivered at all: only the events API has them


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed while the twin runs."""

    api_key: str
    latency: Latency | None = None
    limits: Limits = field(default_factory=Limits)
    webhook_secret: str | None = None  # None: nobody is listening, and no event is delivered
    webhooks: WebhookHabits = field(default_factory=WebhookHabits)
    balance_minor: int = 10_000_000  # the platform's opening balance, credited once, when the store is new
    currency: str = "usd"
    bank_payout_after_seconds: float | None = None  # when connected accounts pay a transfer out to their bank
    api_version: str = API_VERSION
