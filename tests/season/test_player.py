"""The player against a real HTTP server with the oracle behind it, on good days and bad ones."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.season.compare import differences
from sandbox.season.oracle import Oracle
from sandbox.season.player import Answer, RefusedError, Tally, UnreachableError, deliveries_in, play
from tests.season.small_season import SMALL_EXPECTED, SMALL_SEASON

TOKEN = "let-me-in"
ROUTE = "/api/v1/lifecycle-events"
CONTENT_TYPE = "application/cloudevents-batch+json"


@dataclass
class Platform:
    """An API that keeps the contract of lifecycle events, and the troubles it is told to have, one a request."""

    url: str = ""
    oracle: Oracle = field(default_factory=Oracle)
    troubles: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.bodies.append(body)
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "drop":
            request.close_connection = True
        elif trouble:
            reply(request, int(trouble), {"code": "trouble"})
        elif request.headers["Authorization"] != f"Bearer {TOKEN}":
            reply(request, 401, {"code": "unauthorized"})
        elif (request.path, request.headers["Content-Type"]) != (ROUTE, CONTENT_TYPE):
            reply(request, 404, {"code": "not_found"})
        else:
            reply(request, 200, {"position": 1, "results": [self.result(item) for item in json.loads(body)]})

    def result(self, item: Any) -> dict[str, Any]:
        self.oracle.deliver(item)
        return self.oracle.outcomes[-1] | {"position": len(self.oracle.outcomes)}


def reply(request: BaseHTTPRequestHandler, status: int, content: object) -> None:
    body = json.dumps(content).encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def serving(handle: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            handle(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform()
    with serving(platform.answer) as platform.url:
        yield platform


def play_all(platform: Platform, season: Path, token: str = TOKEN, **options: Any) -> list[list[Answer]]:
    with httpx.Client() as client:
        return list(play(season, base_url=platform.url, token=token, client=client, **options))


def season_of(tmp_path: Path, *lines: bytes) -> Path:
    season = tmp_path / "season.ndjson"
    season.write_bytes(b"\n".join(lines))
    return season


def test_a_season_is_played_in_order_and_its_outcomes_are_collected(platform: Platform) -> None:
    tally = Tally()
    batches = play_all(platform, SMALL_SEASON, batch_size=40)
    for batch in batches:
        tally.add(batch)
    assert [len(batch) for batch in batches] == [40, 40, 40, 23]
    assert tally.position == deliveries_in(SMALL_SEASON) == 143
    assert not differences(
        SMALL_EXPECTED,
        totals=platform.oracle.result(),
        outcomes=tally.outcomes,
        referrals=platform.oracle.result()["referrals"],
        delivery_outcomes=tally.delivery_outcomes,
    )


@pytest.mark.parametrize("trouble", ["503", "429", "502", "504", "drop"])
def test_the_same_batch_is_sent_again_after_trouble(platform: Platform, trouble: str) -> None:
    platform.troubles = ["", trouble, trouble]
    answers = [answer for batch in play_all(platform, SMALL_SEASON, batch_size=100) for answer in batch]
    assert len(answers) == 143
    assert len(platform.bodies) == 4
    assert platform.bodies[1] == platform.bodies[2] == platform.bodies[3] != platform.bodies[0]


def test_trouble_without_end_exhausts_the_patience(platform: Platform) -> None:
    platform.troubles = ["503"] * 100
    with pytest.raises(UnreachableError, match="503"):
        play_all(platform, SMALL_SEASON, patience_seconds=0.3)


def test_nobody_listening_exhausts_the_patience() -> None:
    with serving(lambda _: None) as url:
        pass  # a port that was free a moment ago
    with pytest.raises(UnreachableError):
        play_all(Platform(url), SMALL_SEASON, patience_seconds=0.3)


def test_a_refusal_is_not_repeated(platform: Platform) -> None:
    with pytest.raises(RefusedError, match="401") as refused:
        play_all(platform, SMALL_SEASON, token="wrong")
    assert refused.value.status == 401
    assert len(platform.bodies) == 1


def test_lines_that_are_not_json_are_invalid_and_not_sent(platform: Platform, tmp_path: Path) -> None:
    good = SMALL_SEASON.read_bytes().splitlines()[0]
    season = season_of(tmp_path, good, b"", b'{"half', b"  ", b'"no fact"', b"\xff\xfe", b'{"a": NaN}', b" " + good)
    (answers,) = play_all(platform, season)
    assert [(answer.line, answer.outcome, answer.reason) for answer in answers] == [
        (1, "recorded", None),
        (3, "rejected", "invalid"),
        (5, "rejected", "invalid"),
        (6, "rejected", "invalid"),
        (7, "rejected", "invalid"),
        (8, "duplicate", None),
    ]
    assert platform.bodies == [b"[" + b",".join([good, b'"no fact"', good]) + b"]"]
    assert deliveries_in(season) == len(answers)


def test_a_season_of_nothing_sends_nothing(platform: Platform, tmp_path: Path) -> None:
    assert play_all(platform, season_of(tmp_path, b"", b"  ")) == []
    assert platform.bodies == []


@pytest.mark.parametrize("size", [0, 1001])
def test_batches_keep_to_the_limit_of_the_contract(platform: Platform, size: int) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        play_all(platform, SMALL_SEASON, batch_size=size)
