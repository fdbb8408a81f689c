"""What became of Stripe's webhooks on their way: counted, so that a run can show that they came twice, late, or not at all."""

from typing import Any

from ledger.events import Recorded
from ledger.payouts.notices import ACTOR
from tests.simulation.chronicle import Chronicle


class HeardWebhooks:
    """Remembers which of Stripe's events came by webhook."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle
        self._ids: set[str] = set()
        self._newest = 0

    def heard(self, notice: dict[str, Any]) -> None:
        self._chronicle.count("webhooks heard")
        if notice["id"] in self._ids:
            self._chronicle.count("webhooks heard again")
        elif notice["created"] < self._newest:
            self._chronicle.count("webhooks out of order")
        self._ids.add(notice["id"])
        self._newest = max(self._newest, notice["created"])

    def count_missed(self, events: list[Recorded]) -> None:
        """Of what Stripe told, some was only learnt of by asking for its list of events."""
        told = [each for each in events if each.actor == ACTOR]
        self._chronicle.count(
            "webhooks missed, and asked for", sum(each.causation_id not in self._ids for each in told)
        )
