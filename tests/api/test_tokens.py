"""Tokens: who gets in, who does not, and what they are told."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import ValidationError

from api.http.app import create_app
from api.settings import Settings
from api.tokens import NoTokenKeyError, issue_token
from tests.api.running import API, JWT_SECRET, Ledger, running, settings

ROUTE = f"{API}/finance/totals"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    given = {"sub": "fiona", "roles": ["finance"], "aud": "payout-ledger", "exp": now + timedelta(minutes=5)}
    return {name: value for name, value in (given | changes).items() if value is not None}


def signed(secret: str = JWT_SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256")


def by_hand(header: Any, payload: Any = None, signature: str = "AAAA") -> str:
    """A token as no library would make it."""
    parts = (json.dumps(part).encode() for part in (header, {"sub": "fiona"} if payload is None else payload))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


def hmac_signed(header: dict[str, str], secret: bytes, digest: str) -> str:
    """A token signed with a secret that the library would not sign with."""
    head, payload, _ = by_hand(header, claims(exp=4102444800)).split(".")
    signature = hmac.digest(secret, f"{head}.{payload}".encode(), digest)
    return f"{head}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def authorization(ledger: Ledger, value: str) -> tuple[int, str]:
    answer = ledger.client.get(ROUTE, headers={b"Authorization": value.encode()})
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    return answer.status_code, answer.json().get("code", "")


def test_a_good_token_gets_in(shared_ledger: Ledger) -> None:
    assert authorization(shared_ledger, f"Bearer {signed()}") == (200, "")
    assert authorization(shared_ledger, f"bearer {signed(aud=['another', 'payout-ledger'])}") == (200, "")


def test_a_role_is_needed(shared_ledger: Ledger) -> None:
    for roles in (None, [], ["auditor"], ["finances"], ["instructor", "platform", "superuser"]):
        assert authorization(shared_ledger, f"Bearer {signed(roles=roles)}") == (403, "forbidden")


@pytest.mark.parametrize("value", ["", "Basic ZmlvbmE6ZmlvbmE=", "Bearer", "Token abc"])
def test_without_a_token_one_is_asked_for(shared_ledger: Ledger, value: str) -> None:
    assert authorization(shared_ledger, value) == (401, "token_missing")


def test_an_expired_token_is_told_so(shared_ledger: Ledger) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert authorization(shared_ledger, f"Bearer {signed(exp=an_hour_ago)}") == (401, "token_expired")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "garbage", id="garbage"),
        pytest.param(lambda: "a.b.c", id="three letters"),
        pytest.param(lambda: "…" * 50, id="beyond ASCII"),
        pytest.param(lambda: "x" * 20_000, id="endless"),
        pytest.param(lambda: signed()[:-6], id="cut off"),
        pytest.param(lambda: f"{signed()}x.y", id="five parts"),
        pytest.param(lambda: signed(secret="another secret of more than 32 bytes"), id="another key"),
        pytest.param(lambda: hmac_signed({"alg": "HS512"}, JWT_SECRET.encode(), "sha512"), id="another algorithm"),
        pytest.param(lambda: jwt.encode(claims(), "", algorithm="none"), id="no algorithm"),
        pytest.param(
            lambda: by_hand({"alg": "NONE"}, claims(exp=4102444800), ""), id="no algorithm, spelled otherwise"
        ),
        pytest.param(lambda: by_hand({"alg": ["HS256"]}), id="a list of algorithms"),
        pytest.param(lambda: by_hand({"alg": "HS256", "crit": ["exp"]}), id="a critical extension"),
        pytest.param(lambda: by_hand(["HS256"]), id="a header that is a list"),
        pytest.param(lambda: by_hand(json.loads("[" * 900 + "]" * 900)), id="a header without end"),
        pytest.param(lambda: jwt.encode(claims(), RSA_KEY, algorithm="RS256"), id="signed with RSA"),
        pytest.param(lambda: signed(aud="payouts"), id="another audience"),
        pytest.param(lambda: signed(aud=None), id="no audience"),
        pytest.param(lambda: signed(exp=None), id="no expiry"),
        pytest.param(lambda: signed(exp="tomorrow"), id="an expiry in words"),
        pytest.param(lambda: signed(exp=float("inf")), id="an expiry beyond time"),
        pytest.param(lambda: signed(nbf=datetime.now(UTC) + timedelta(hours=1)), id="not valid yet"),
        pytest.param(lambda: signed(sub=None), id="no subject"),
        pytest.param(lambda: signed(sub=""), id="an empty subject"),
        pytest.param(lambda: signed(sub="a b"), id="a subject with a space"),
        pytest.param(lambda: signed(sub="fiona\x00"), id="NUL in the subject"),
        pytest.param(lambda: signed(sub="fiona\n"), id="a line end in the subject"),
        pytest.param(lambda: signed(sub="x" * 256), id="an endless subject"),
        pytest.param(lambda: signed(roles="finance"), id="roles that are no list"),
        pytest.param(lambda: signed(roles=[{"role": "admin"}]), id="roles that are objects"),
    ],
)
def test_other_tokens_are_invalid(shared_ledger: Ledger, make: Callable[[], str]) -> None:
    assert authorization(shared_ledger, f"Bearer {make()}") == (401, "token_invalid")


class Keys(BaseHTTPRequestHandler):
    """The identity provider's key set."""

    keys: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": self.keys}).encode())

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    secret = base64.urlsafe_b64encode(JWT_SECRET.encode()).decode().rstrip("=")
    Keys.keys = [
        RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256", "use": "sig"},
        ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "ec"},
        {"kty": "oct", "k": secret, "kid": "secret", "alg": "HS256"},
    ]
    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def jwks_ledger(make_database: Callable[[], str], jwks_url: str) -> Iterator[Ledger]:
    with running(make_database(), settings(ledger_jwt_secret=None, ledger_jwks_url=jwks_url)) as started:
        yield started


def test_while_the_keys_cannot_be_fetched_the_caller_is_asked_to_come_back(
    jwks_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    monkeypatch.setattr(Keys, "status", 500)
    assert authorization(jwks_ledger, f"Bearer {token}") == (503, "token_keys_unavailable")
    monkeypatch.undo()
    assert authorization(jwks_ledger, f"Bearer {token}") == (200, "")


def test_public_keys_from_a_url_are_taken(jwks_ledger: Ledger) -> None:
    for key, algorithm, name in ((RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec")):
        token = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": name})
        assert authorization(jwks_ledger, f"Bearer {token}") == (200, "")


def test_a_public_key_is_not_a_secret(jwks_ledger: Ledger) -> None:
    """The classic confusion: HS256, signed with the text of the RSA public key, which everybody knows."""
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = hmac_signed({"alg": "HS256", "kid": "rsa"}, public, "sha256")
    assert authorization(jwks_ledger, f"Bearer {token}") == (401, "token_invalid")


def test_with_public_keys_nothing_else_is_taken(jwks_ledger: Ledger) -> None:
    for token in (
        signed(),
        jwt.encode(claims(), JWT_SECRET, algorithm="HS256", headers={"kid": "secret"}),
        jwt.encode(claims(), RSA_KEY, algorithm="RS512", headers={"kid": "rsa"}),
        jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "ec"}),
        jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "unheard of"}),
        jwt.encode(claims(), rsa.generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "rsa"}),
        by_hand({"alg": "RS256", "kid": {"$ne": 1}}),
        by_hand({"alg": "none", "kid": "rsa"}, claims(exp=4102444800), ""),
    ):
        assert authorization(jwks_ledger, f"Bearer {token}") == (401, "token_invalid")


def test_there_is_no_default_secret(shared_ledger: Ledger) -> None:
    with pytest.raises(NoTokenKeyError, match="LEDGER_JWT_SECRET"):
        issue_token(settings(ledger_jwt_secret=None), "fiona", ["finance"], timedelta(hours=1))
    services = shared_ledger.services
    without = replace(services, settings=settings(ledger_jwt_secret=None))
    with pytest.raises(NoTokenKeyError, match="LEDGER_JWKS_URL"):
        create_app(without)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ledger_jwt_secret": "short"}, "at least 32 bytes"),
        ({"ledger_jwks_url": "https://id.example/keys"}, "not both"),
        ({"ledger_jwt_secret": None, "ledger_jwks_url": "http://id.example/keys"}, "https"),
        ({"ledger_public_url": "lessons.example"}, "URL is expected"),
    ],
)
def test_bad_settings_are_told_clearly(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        settings(**changes)


def test_settings_show_no_secret() -> None:
    shown = repr(settings(database_url="postgresql://u:hunter2@host/x", stripe_api_key="sk_live_1"))
    assert not any(secret in shown for secret in ("hunter2", "sk_live_1", JWT_SECRET))
    assert isinstance(settings(), Settings)


def test_only_a_subject_and_roles_that_exist_get_a_token() -> None:
    with pytest.raises(ValueError, match="no such role: king"):
        issue_token(settings(), "fiona", ["king"], timedelta(hours=1))
    with pytest.raises(ValueError, match="printable"):
        issue_token(settings(), "fi ona", ["finance"], timedelta(hours=1))
