"""The Stripe twin's own controls, as far as a person at the command line needs them."""

import time
from typing import Any, Self

import httpx

from api.invariants import Transfers

__all__ = ["StripeBooks"]

TIMEOUT_SECONDS = 30.0


class StripeBooks:
    """A running twin. Raises httpx.HTTPError when it does not answer."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        # Never through a proxy: it is on this machine.
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def is_ready(self) -> bool:
        try:
            return self._client.get("/sandbox/webhooks", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def webhooks_due(self, horizon_seconds: float) -> int:
        """How many are still owed to us within the horizon."""
        latest = time.time() + horizon_seconds
        return sum(delivery["due_at"] <= latest for delivery in self._get("/sandbox/webhooks")["pending"])

    def transfers(self) -> Transfers:
        payouts: Transfers = self._get("/sandbox/transfers")["payouts"]
        return payouts

    def _get(self, path: str) -> Any:
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.json()
