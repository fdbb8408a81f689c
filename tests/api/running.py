"""A whole API on a free port: uvicorn in a thread, PostgreSQL behind it, and a projector that runs when a test says so."""

import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import orjson

from api import composition
from api.http.app import create_app
from api.http.server import server_of
from api.services import Services
from api.settings import Settings
from api.tokens import issue_token
from projections.projector import Projector

API = "/api/v1"
ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
JWT_SECRET = "for the tests only, and long enough for HS256"
WEBHOOK_SECRET = "whsec_for_the_tests"

_numbers = itertools.count(1)


def settings(**changes: Any) -> Settings:
    """Settings that do not depend on where the tests run."""
    given: dict[str, Any] = {
        "ledger_jwt_secret": JWT_SECRET,
        "stripe_webhook_secret": WEBHOOK_SECRET,
        "ledger_public_url": "https://lessons.example/join",
        "ledger_jwt_audience": "payout-ledger",
        "ledger_look_around": True,
    }
    return Settings(_env_file=None, **(given | changes))


def fact(kind: str, subject: str, **data: object) -> dict[str, Any]:
    """A lifecycle event as the platform sends it; each with an id and a time of its own."""
    number = next(_numbers)
    return {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": "/tests",
        "type": f"instructor.{kind}",
        "subject": subject,
        "time": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}.{number:06}Z",
        "data": data,
    }


def a_bonus(referrer: str = "anna", referred: str = "ben", code: str = "ANNA") -> list[dict[str, Any]]:
    """The facts after which a referrer has earned a bonus."""
    return [
        fact("referral_code_issued", referrer, code=code),
        fact("signed_up", referred, referral_code=code, display_name=f"{referred.title()} B."),
        fact("went_live", referred),
        fact("lesson_completed", referred, lesson_id=f"lesson-{referred}"),
    ]


@dataclass
class Ledger:
    """The running API and what a test needs to look behind it."""

    settings: Settings
    services: Services
    projector: Projector
    client: httpx.Client
    owner_url: str
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def token(self, role: str, subject: str = "somebody") -> str:
        if (role, subject) not in self.tokens:
            self.tokens[role, subject] = issue_token(self.settings, subject, [role], timedelta(minutes=5))
        return self.tokens[role, subject]

    def headers(self, role: str | None, subject: str = "somebody") -> dict[str, str]:
        return {} if role is None else {"Authorization": f"Bearer {self.token(role, subject)}"}

    def get(self, path: str, role: str | None = None, subject: str = "somebody", **parameters: Any) -> httpx.Response:
        return self.client.get(f"{API}{path}", headers=self.headers(role, subject), params=parameters or None)

    def post(self, path: str, role: str | None = None, subject: str = "somebody") -> httpx.Response:
        return self.client.post(f"{API}{path}", headers=self.headers(role, subject))

    def decide(self, path: str, subject: str, reason: str = "because") -> httpx.Response:
        """Post what somebody of finance decides about a payout."""
        return self.client.post(f"{API}{path}", headers=self.headers("finance", subject), json={"reason": reason})

    def send(self, body: Any, media_type: str = MANY, role: str | None = "platform") -> httpx.Response:
        """Send lifecycle events: JSON values, or the bytes of a body as they are."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": media_type, **self.headers(role, "marketplace")}
        return self.client.post(f"{API}/lifecycle-events", content=content, headers=headers)

    def know(self, *facts: Mapping[str, Any]) -> int:
        """Send facts that must be taken, and bring the read models up to date. Returns the position."""
        answer = self.send(list(facts))
        assert answer.status_code == 200, answer.text
        assert {result["outcome"] for result in answer.json()["results"]} <= {"recorded"}, answer.text
        return self.projector.catch_up()

    @property
    def head(self) -> int:
        return self.services.log.recorder.head()


@contextmanager
def running(url: str, chosen: Settings) -> Iterator[Ledger]:
    with (
        composition.services(chosen, url) as services,
        composition.projector(url) as (projector, _),
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        server = server_of(create_app(services))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            # The socket listens already: the first request waits until the server takes it.
            with httpx.Client(base_url=address, timeout=60) as client:
                yield Ledger(chosen, services, projector, client, url)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()
