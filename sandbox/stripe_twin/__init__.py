"""A stand-in for Stripe Connect: transfers, reversals, balances, events and webhooks, with Stripe's idempotency rules.

`Twin` (twin.py) is the whole behaviour in process: clock, seed and store are given to it, and it never waits.
`python -m sandbox.stripe_twin` serves it over HTTP on the loopback interface. Nothing here knows the ledger.
"""

from sandbox.stripe_twin.clock import VirtualClock
from sandbox.stripe_twin.faults import UNANSWERED, Fault, FaultRule, Faults, Match
from sandbox.stripe_twin.messages import Answer, BrokenOff, Outcome, Request, Reset, Silence
from sandbox.stripe_twin.settings import Latency, Limits, Settings, WebhookHabits
from sandbox.stripe_twin.storage import Store
from sandbox.stripe_twin.twin import Call, Twin

__all__ = [
    "UNANSWERED",
    "Answer",
    "BrokenOff",
    "Call",
    "Fault",
    "FaultRule",
    "Faults",
    "Latency",
    "Limits",
    "Match",
    "Outcome",
    "Request",
    "Reset",
    "Settings",
    "Silence",
    "Store",
    "Twin",
    "VirtualClock",
    "WebhookHabits",
]
