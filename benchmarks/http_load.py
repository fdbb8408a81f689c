"""Many connections that each send one request after the other, and how long every answer took.

A client of its own, on bare streams: what it costs is taken from the machine on which the server is measured.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["Load", "Request", "keep_asking", "request", "send_all"]

Request = bytes
"""A whole HTTP/1.1 request, head and body."""


@dataclass(frozen=True)
class Load:
    """What each request took, in seconds, and what all of them did."""

    taken: Sequence[float]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    def milliseconds(self, share: float) -> float:
        ordered = sorted(self.taken)
        return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def request(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
    parts = urlsplit(url)
    lines = [f"{method} {parts.path}{'?' * bool(parts.query)}{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()] + [f"Content-Length: {len(body)}"] * bool(body)
    return "\r\n".join([*lines, "", ""]).encode() + body


def keep_asking(url: str, requests: Sequence[Request], connections: int, seconds: float) -> Load:
    """Each connection sends the requests in turn, beginning at another, until the time is over."""

    async def ask(connection: int, deadline: float, taken: list[float]) -> None:
        number = connection
        async with _Connection(url) as open_one:
            while time.perf_counter() < deadline:
                taken.append(await open_one.send(requests[number % len(requests)]))
                number += 1

    return asyncio.run(_all(lambda number, taken: ask(number, time.perf_counter() + seconds, taken), connections))


def send_all(urls: Sequence[str], requests: Sequence[Request], connections: int) -> Load:
    """Every request once, by whichever connection is free. The servers take turns in being connected to."""
    waiting = iter(requests)

    async def work(url: str, taken: list[float]) -> None:
        async with _Connection(url) as open_one:
            taken.extend([await open_one.send(each) for each in waiting])

    return asyncio.run(_all(lambda number, taken: work(urls[number % len(urls)], taken), connections))


async def _all(work: Callable[[int, list[float]], Coroutine[Any, Any, None]], connections: int) -> Load:
    taken: list[float] = []
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(work(number, taken))
    return Load(taken, time.perf_counter() - began)


class _Connection:
    """Keep-alive; an answer is read by its Content-Length. Anything but a 2xx is a defect of the benchmark."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, request: Request) -> float:
        """Seconds until the whole answer was there."""
        began = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        taken = time.perf_counter() - began
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{head.decode().splitlines()[0]}: {body[:300]!r}")
        return taken
