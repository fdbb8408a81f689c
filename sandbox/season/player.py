"""Play a season through the HTTP API, the way a platform would: in order, at least once, and patiently.

    with httpx.Client() as client:
        for batch in play(Path("season.ndjson"), base_url=url, token=token, client=client):
            tally.add(batch)
            progress.advance(task, len(batch))

Errors::

    SeasonError
    ├── UnreachableError  no usable answer for longer than the player's patience
    └── RefusedError      an answer that sending again will not change
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson

from sandbox.season.delivery import outcome_key

ROUTE = "/api/v1/lifecycle-events"
CONTENT_TYPE = "application/cloudevents-batch+json"
LARGEST_BATCH = 1000
COME_BACK_LATER = frozenset({429, 502, 503, 504})
LONGEST_PAUSE_SECONDS = 5.0


class SeasonError(Exception):
    """A season could not be played to its end."""


class UnreachableError(SeasonError):
    """The API gave no usable answer for longer than the player's patience."""


class RefusedError(SeasonError):
    """The API gave an answer that sending again will not change."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the API answered {status}: {body[:500]}")
        self.status = status
        self.body = body


class Answer(NamedTuple):
    """What became of the delivery in one line of the season. A line that is no JSON has no id and was not sent."""

    line: int
    id: str | None
    outcome: str
    reason: str | None
    position: int | None


@dataclass
class Tally:
    """What an expectation file can be held against: the answers, counted and one by one."""

    outcomes: Counter[str] = field(default_factory=Counter)
    delivery_outcomes: list[dict[str, str | None]] = field(default_factory=list)
    position: int = 0

    def add(self, answers: Iterable[Answer]) -> None:
        """Take the answers of one batch. ``position`` becomes the last position that any of them named."""
        for answer in answers:
            self.outcomes[outcome_key(answer.outcome, answer.reason)] += 1
            self.delivery_outcomes.append({"id": answer.id, "outcome": answer.outcome, "reason": answer.reason})
            self.position = max(self.position, answer.position or 0)


def deliveries_in(season: Path) -> int:
    """How many answers playing the season will yield, for a progress bar."""
    with season.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def play(
    season: Path,
    *,
    base_url: str,
    token: str,
    client: httpx.Client,
    batch_size: int = 200,
    patience_seconds: float = 60.0,
) -> Iterator[list[Answer]]:
    """Send the season, one batch at a time, and yield the answers to each batch in the order of its lines.

    The file is streamed. Lines go out byte for byte as they are, also those that are no lifecycle facts, for the API to
    judge; a line that is not JSON would spoil its neighbours, so it is answered ``rejected: invalid`` here. Blank lines
    are passed over. When the API is busy or gone, the same batch is sent again until ``patience_seconds`` are over;
    what had been recorded before the answer was lost is then answered as a duplicate.

    Raises UnreachableError or RefusedError, see above; what was yielded before is done.
    """
    if not 1 <= batch_size <= LARGEST_BATCH:
        raise ValueError(f"batch_size is 1 to {LARGEST_BATCH}, not {batch_size}")
    url = base_url.rstrip("/") + ROUTE
    headers = {"Authorization": f"Bearer {token}", "Content-Type": CONTENT_TYPE}
    with season.open("rb") as lines:
        waiting = ((number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip())
        while batch := list(islice(waiting, batch_size)):
            sendable = [line for _, line in batch if _is_json(line)]
            results: Iterator[dict[str, Any]] = iter(())
            if sendable:
                body = b"[" + b",".join(sendable) + b"]"
                results = _results(_send(client, url, headers, body, patience_seconds), len(sendable))
            yield [_answer(number, next(results) if _is_json(line) else None) for number, line in batch]


def _send(
    client: httpx.Client, url: str, headers: dict[str, str], body: bytes, patience_seconds: float
) -> httpx.Response:
    """Post until there is an answer that counts, pausing longer and longer, with jitter."""
    give_up = time.monotonic() + patience_seconds
    pause = 0.1
    while True:
        try:
            response = client.post(url, content=body, headers=headers)
            if response.status_code not in COME_BACK_LATER:
                return response
            trouble = f"answers {response.status_code}"
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        if time.monotonic() + pause > give_up:
            raise UnreachableError(f"{url} for {patience_seconds:.0f} s: {trouble}")
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _results(response: httpx.Response, sent: int) -> Iterator[dict[str, Any]]:
    if response.status_code != httpx.codes.OK:
        raise RefusedError(response.status_code, response.text)
    results: list[dict[str, Any]] = response.json()["results"]
    if len(results) != sent:
        raise RefusedError(response.status_code, f"{len(results)} results for {sent} deliveries")
    return iter(results)


def _answer(line: int, result: dict[str, Any] | None) -> Answer:
    if result is None:
        return Answer(line, None, "rejected", "invalid", None)
    return Answer(line, result["id"], result["outcome"], result.get("reason"), result.get("position"))


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
