"""Idempotency keys as Stripe keeps them (docs.stripe.com/api/idempotent_requests).

The answer of every request whose execution began is saved under its key, errors included, and replayed for at least 24
hours; at a random age between 24 and 48 hours the key is pruned, and the same request is a new one.
"""

from dataclasses import dataclass

from sandbox.stripe_twin.refusals import invalid, key_in_use, key_misused
from sandbox.stripe_twin.world import World

_LONGEST_KEY = 255
_SHORTEST_LIFE_SECONDS = 24 * 3600
_LONGEST_LIFE_SECONDS = 48 * 3600


@dataclass(frozen=True)
class Use:
    """What a key is used for: a fingerprint over method, path and parameters, and the path for error messages."""

    key: str
    fingerprint: str
    path: str


@dataclass(frozen=True)
class SavedAnswer:
    """The first answer under a key, byte for byte, and the request that led to it."""

    request_id: str
    status: int
    body: bytes


class Keys:
    """Saved answers in the store, requests in progress in memory: what had not ended when the twin died never began."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_progress: dict[str, Use] = {}

    def is_saved(self, key: str) -> bool:
        """Whether a request with this key would be a replay."""
        return self._world.store.one("find_key", key=key, now=self._world.now()) is not None

    def look_up(self, use: Use) -> SavedAnswer | None:
        """The saved answer; raises `Refusal` for a key that is misused, in use, or too long."""
        if len(use.key) > _LONGEST_KEY:
            raise invalid(f"Idempotency keys can be at most {_LONGEST_KEY} characters long.")
        row = self._world.store.one("find_key", key=use.key, now=self._world.now())
        first = self._in_progress.get(use.key) if row is None else Use(use.key, row["fingerprint"], row["path"])
        if first is not None and first.fingerprint != use.fingerprint:
            raise key_misused(use.key, first.path, use.path)
        if row is not None:
            return SavedAnswer(row["request_id"], row["status"], row["body"])
        if first is not None:
            raise key_in_use(use.key)
        return None

    def begin(self, use: Use) -> None:
        """From now on another request with this key is told that it is in use."""
        self._in_progress[use.key] = use

    def end(self, use: Use) -> None:
        """The request with this key has ended, saved or not."""
        self._in_progress.pop(use.key, None)

    def save(self, use: Use, answer: SavedAnswer) -> None:
        """Keep the answer, in the transaction of what was executed."""
        now = self._world.now()
        self._world.store.run("prune_keys", now=now)
        self._world.store.run(
            "save_key",
            key=use.key,
            fingerprint=use.fingerprint,
            path=use.path,
            request_id=answer.request_id,
            status=answer.status,
            body=answer.body,
            expires_at=now + self._world.random.uniform(_SHORTEST_LIFE_SECONDS, _LONGEST_LIFE_SECONDS),
        )
