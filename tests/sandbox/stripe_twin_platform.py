"""A platform in front of a twin in the same process, whose time stands still until told otherwise."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import stripe

from sandbox.stripe_twin import Answer, Outcome, Request, Settings, Store, Twin, VirtualClock, books, reports

KEY = "sk_test_an_honest_opponent"
SECRET = "whsec_between_the_two_of_us"
DAY = 86_400.0

Json = dict[str, Any]


class Platform:
    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.store = Store()
        self.twin = Twin(self.store, Settings(KEY, **settings), clock=self.clock, seed=7)

    def post(self, path: str, key: str | None = None, **parameters: Any) -> Answer:
        return self._ask(self.request(path, key, **parameters))

    def get(self, path: str, **headers: str) -> Answer:
        path, _, query = path.partition("?")
        return self._ask(Request("GET", path, query, {"authorization": f"Bearer {KEY}", **headers}))

    def pay(self, key: str | None = None, *, amount: int = 7500, destination: str = "acct_ok1", **more: Any) -> Answer:
        return self.post("/v1/transfers", key, amount=amount, currency="usd", destination=destination, **more)

    def _ask(self, request: Request) -> Answer:
        outcome = self.twin.handle(request)
        assert isinstance(outcome, Answer)
        return outcome

    @staticmethod
    def request(path: str, key: str | None = None, **parameters: Any) -> Request:
        headers = {"authorization": f"Bearer {KEY}"} | ({"idempotency-key": key} if key else {})
        return Request("POST", path, "", headers, urlencode(parameters).encode())

    def balance(self, owner: str = "acct_platform") -> int:
        return books.available(self.twin.world, owner, "usd")

    def transfers(self) -> list[Json]:
        return [transfer for group in reports.transfers_by_payout(self.twin.world).values() for transfer in group]


def body(answer: Answer) -> Json:
    parsed: Json = json.loads(answer.body)
    return parsed


def error(answer: Answer) -> tuple[int, str | None, str | None]:
    """Status, code and parameter of a refusal."""
    problem = body(answer)["error"]
    assert problem["message"]
    return answer.status, problem.get("code"), problem.get("param")


def ids(answer: Answer) -> list[str]:
    return [item["id"] for item in body(answer)["data"]]


class TwinHTTPClient(stripe.HTTPClient):
    """Below Stripe's own client, in place of the network: no sockets, and no time passes."""

    name = "twin"

    def __init__(self, twin: Twin) -> None:
        super().__init__()
        self._twin = twin

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        lower_case = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(method.upper(), parts.path, parts.query, lower_case, (post_data or "").encode())
        outcome: Outcome = self._twin.handle(request)
        if not isinstance(outcome, Answer):
            raise stripe.APIConnectionError(f"Connection lost: {type(outcome).__name__}.", should_retry=True)
        return outcome.body.decode(), outcome.status, httpx.Headers(dict(outcome.headers))


def client_of(twin: Twin) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, http_client=TwinHTTPClient(twin), max_network_retries=0)
