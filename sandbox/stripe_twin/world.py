"""What every part of the twin works on: the store, the time, ids, and the cause of what is being written."""

import hashlib
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.stripe_twin.clock import Clock
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.settings import Settings
from sandbox.stripe_twin.storage import Store

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 23


@dataclass(frozen=True)
class Cause:
    """What led to a change: an API request, or the sandbox itself; and how long lists do not show its traces."""

    request_id: str | None = None
    idempotency_key: str | None = None
    list_lag_seconds: float = 0.0


@dataclass
class World:
    """The twin's surroundings. `start` numbers the starts over one store, so that no id is ever given twice."""

    store: Store
    settings: Settings
    clock: Clock
    seed: int
    start: int
    random: Random = field(init=False)
    _ids_given: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed}/{self.start}")  # noqa: S311  (repeatable on purpose)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock()

    def new_id(self, prefix: str) -> str:
        """An id in Stripe's manner, e.g. `tr_1Pgc7B…`: repeatable under one seed, different after every start."""
        self._ids_given += 1
        seed = f"{self.seed}/{self.start}/{self._ids_given}".encode()
        number = int.from_bytes(hashlib.blake2b(seed, digest_size=18).digest())
        letters = []
        for _ in range(_ID_LENGTH):
            number, digit = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[digit])
        return f"{prefix}_1{''.join(letters)}"

    def visible_at(self, cause: Cause) -> float:
        """From when on lists show what is written now."""
        return self.now() + cause.list_lag_seconds

    def later(self, seconds: float, action: str, **details: Any) -> None:
        """Put something on the sandbox's own agenda."""
        self.store.run("add_to_agenda", due_at=self.now() + seconds, action=action, details=encode(details))


def encode(value: Json) -> str:
    """JSON, always the same for the same value."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def list_of(data: list[Json], *, has_more: bool, url: str) -> Json:
    """A page in Stripe's shape."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
