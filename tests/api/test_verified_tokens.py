"""A token that was checked is not checked again, and yet ends when it ends."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from api.tokens import (
    JWKS_RECHECK_SECONDS,
    LEEWAY_SECONDS,
    JwksCheck,
    KeysUnavailableError,
    SecretCheck,
    TokenError,
    TokenExpiredError,
    Verified,
)
from api.verified_tokens import VerifiedTokens

AUDIENCE = "payout-ledger"
SECRET = "for the tests only, and long enough for HS256"
KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Counted:
    """A check that counts, and a clock that a test moves."""

    check_of: SecretCheck | JwksCheck
    now: float = field(default_factory=time.time)
    checks: int = 0

    async def check(self, token: str) -> Verified:
        self.checks += 1
        return await self.check_of.check(token)

    def clock(self) -> float:
        return self.now


def signed(key: Any = SECRET, algorithm: str = "HS256", lifetime: float = 300, **changes: Any) -> str:
    claims = {"sub": "fiona", "roles": ["finance"], "aud": AUDIENCE, "exp": int(time.time() + lifetime)}
    return jwt.encode(claims | changes, key, algorithm=algorithm, headers={"kid": "ec"})


def verify(tokens: VerifiedTokens, token: str) -> str:
    return asyncio.run(tokens.verify(token)).subject


def test_a_token_is_checked_once_and_still_expires() -> None:
    counted = Counted(SecretCheck(SECRET, AUDIENCE))
    tokens = VerifiedTokens(counted)
    ends_soon = signed(lifetime=2 - LEEWAY_SECONDS)  # it is good for a second or two
    assert [verify(tokens, ends_soon) for _ in range(3)] == ["fiona"] * 3
    assert counted.checks == 1

    def ask_on() -> None:
        while True:
            verify(tokens, ends_soon)

    with pytest.raises(TokenExpiredError):
        ask_on()
    assert counted.checks == 2


def test_after_its_time_it_is_checked_again() -> None:
    counted = Counted(SecretCheck(SECRET, AUDIENCE))
    tokens = VerifiedTokens(counted, counted.clock)
    token = signed(lifetime=300)
    for moved_seconds, checks in ((0, 1), (300, 1), (LEEWAY_SECONDS + 1, 2)):
        counted.now += moved_seconds
        verify(tokens, token)
        assert counted.checks == checks


def test_a_bad_token_is_never_remembered() -> None:
    counted = Counted(SecretCheck(SECRET, AUDIENCE))
    tokens = VerifiedTokens(counted, counted.clock)
    good = signed()
    verify(tokens, good)
    for bad in (good[:-4], f"{good} ", f"\ud800{good}", signed(key="another secret of more than 32 bytes"), "x"):
        for _ in range(2):
            with pytest.raises(TokenError):
                verify(tokens, bad)
    assert counted.checks == 1 + 2 * 5
    assert verify(tokens, good) == "fiona"


def test_no_more_are_remembered_than_there_is_room_for() -> None:
    counted = Counted(SecretCheck(SECRET, AUDIENCE))
    tokens = VerifiedTokens(counted, counted.clock, most_remembered=2)
    first, second, third = (signed(jti=str(number)) for number in range(3))
    for token in (first, second, third, second, third):
        verify(tokens, token)
    assert counted.checks == 3
    verify(tokens, first)  # was the oldest
    assert counted.checks == 4


@contextmanager
def key_server(keys: list[dict[str, Any]]) -> Iterator[str]:
    """Serves the keys that are in the list when it is asked."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": keys}).encode())

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_key_server_that_breaks_off_is_one_that_cannot_be_asked_now() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:

        def break_off() -> None:
            connection, _ = server.accept()
            connection.recv(1024)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            connection.close()

        broken_off = threads.submit(break_off)
        tokens = VerifiedTokens(JwksCheck(f"http://127.0.0.1:{server.getsockname()[1]}/", AUDIENCE))
        with pytest.raises(KeysUnavailableError):
            verify(tokens, signed(KEY, "ES256"))
        broken_off.result(timeout=30)


def test_a_key_that_was_withdrawn_opens_nothing_after_a_minute() -> None:
    keys = [ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "ec", "alg": "ES256", "use": "sig"}]
    token = signed(KEY, "ES256")
    with key_server(keys) as url:
        check = JwksCheck(url, AUDIENCE)
        counted = Counted(check)
        tokens = VerifiedTokens(counted, counted.clock)
        assert verify(tokens, token) == "fiona"
        keys.clear()
        assert check._keys.jwk_set_cache is not None
        check._keys.jwk_set_cache.jwk_set_with_timestamp = None  # its time is over
        counted.now += JWKS_RECHECK_SECONDS - 5
        assert verify(tokens, token) == "fiona"
        counted.now += 10
        with pytest.raises((TokenError, KeysUnavailableError)):
            verify(tokens, token)
    assert counted.checks == 2
