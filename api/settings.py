"""Settings, from the environment and `.env`. Each field is the environment variable of the same name in capitals.

What holds a secret is a `SecretStr`, so that printing settings shows none. There is no default secret, password or key:
unset means the sandbox (`STRIPE_API_KEY`), the embedded database (`DATABASE_URL`), or a refusal to start (tokens).
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ledger.payouts.policy import Policy

SHORTEST_JWT_SECRET_BYTES = 32  # RFC 7518, 3.2: a key for HS256 is at least as long as its hash

_HTTP_URL = TypeAdapter(HttpUrl)
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


def _http_url(text: str) -> str:
    """Checked as a URL and kept as written. Raises ValueError, which pydantic reports."""
    try:
        _HTTP_URL.validate_python(text)
    except ValidationError:
        raise ValueError("an http:// or https:// URL is expected") from None
    return text.rstrip("/")


def _origins(text: str) -> str:
    """As a Content-Security-Policy takes them, and therefore nothing else. Raises ValueError, which pydantic reports."""
    origins = [each.strip().rstrip("/") for each in text.split(",")]
    if not all(_ORIGIN.fullmatch(each) for each in origins):
        raise ValueError("origins are expected, separated by commas: https://app.example.com")
    return ",".join(origins)


def _trustworthy(url: str) -> str:
    """Keys fetched in the clear could be anybody's. On this machine nobody listens in."""
    address = HttpUrl(url)
    if address.scheme != "https" and address.host not in ("127.0.0.1", "[::1]", "localhost"):
        raise ValueError("an https:// URL is expected, or http:// on this machine")
    return url


def _years(value: object) -> object:
    """JSON, as it stands in the environment. Raises ValueError, which pydantic reports."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError('JSON is expected, like {"2025": 60000, "2026": 200000}') from None


Year = Annotated[int, Field(ge=1, le=9999)]
Thresholds = Annotated[dict[Year, Annotated[int, Field(ge=0)]], Field(min_length=1), BeforeValidator(_years)]
WebAddress = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = None
    """PostgreSQL, in any form libpq knows; unset: the embedded one."""
    read_database_url: SecretStr | None = None
    """Where read models are read; unset: `database_url`."""
    seal_database_url: SecretStr | None = None
    """The same database with the sealer's own login, which may write seals; unset: `database_url`."""

    stripe_api_key: SecretStr | None = None
    """Unset: the Stripe sandbox."""
    stripe_api_base: WebAddress | None = None
    """Another address of Stripe's API; for tests."""
    stripe_webhook_secret: SecretStr | None = None
    """Signing secrets of the webhook endpoints, separated by commas; the old and the new one while they are rotated."""

    ledger_jwt_secret: SecretStr | None = None
    """HS256 tokens are verified with this secret …"""
    ledger_jwks_url: Annotated[WebAddress, AfterValidator(_trustworthy)] | None = None
    """… or RS256 and ES256 tokens with the public keys found here."""
    ledger_jwt_audience: Annotated[str, Field(min_length=1)] = "payout-ledger"

    ledger_seal_key: SecretStr | None = None
    """Signs the seals of the log, in the encoding of signed notes (`ledger seal-key` makes one); unset: nothing is sealed."""
    ledger_seal_store: Annotated[str, Field(min_length=1)] | None = None
    """Where seals are kept outside the database: a folder, or s3://bucket/prefix with the usual AWS_* variables."""
    ledger_seal_seconds: Annotated[float, Field(ge=0, le=86400)] = 10
    """What is new is sealed at most once in so many seconds."""

    payout_hold_days: Annotated[int, Field(ge=0, le=365)] = 0
    """How long every payout waits after its bonus was earned."""
    payout_hold_same_account: bool = True
    """Hold a payout for review when referrer and referred instructor use the same Stripe account."""
    payout_max_bonuses_a_day: Annotated[int, Field(ge=1)] | None = None
    """Hold the bonuses of one referrer beyond this number within a day (UTC) for review; unset: no such rule."""

    payee_reporting_thresholds: Annotated[Thresholds, NoDecode] = {2025: 60_000, 2026: 200_000}
    """By calendar year, in minor units: from which total a payee is reported. A year without its own has that of the newest one
    before it. The default is the United States' (Form 1099-NEC)."""

    ledger_public_url: WebAddress | None = None
    """Where referral links lead; unset: the address at which the API is asked."""
    ledger_look_around: bool = False
    """Whether the sandbox lets everybody at this machine look around as whom they like; `ledger up` and `demo` say so."""
    ledger_embed_origins: Annotated[str, AfterValidator(_origins)] | None = None
    """Whose pages may show an instructor's panel in a frame, and sign its instructor in: origins, separated by commas;
    unset: nobody's."""
    ledger_data_dir: Path | None = None
    """Where the sandbox keeps its files; unset: its own default."""

    ledger_host: str = "127.0.0.1"
    ledger_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0: any free port."""
    ledger_http_threads: Annotated[int, Field(ge=1, le=500)] = 32
    """Requests that one API process has at the database at a time; others wait their turn."""
    ledger_log_level: Literal["debug", "info", "warning", "error"] = "info"
    ledger_log_format: Literal["console", "json"] | None = None
    """Unset: `console` on a terminal, else `json`."""

    @property
    def payout_policy(self) -> Policy:
        return Policy(
            hold=timedelta(days=self.payout_hold_days),
            hold_same_account=self.payout_hold_same_account,
            max_bonuses_a_day=self.payout_max_bonuses_a_day,
        )

    @property
    def embed_origins(self) -> tuple[str, ...]:
        """The origins of `ledger_embed_origins`, one by one."""
        return tuple(self.ledger_embed_origins.split(",")) if self.ledger_embed_origins is not None else ()

    @property
    def stripe_mode(self) -> Literal["sandbox", "test", "live"]:
        """In `live` real money moves: the key says so, an unrestricted one (`sk_live_…`) like a restricted one (`rk_live_…`)."""
        if self.stripe_api_key is None:
            return "sandbox"
        return "live" if "_live_" in self.stripe_api_key.get_secret_value()[:12] else "test"

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets of `stripe_webhook_secret`, one by one."""
        if self.stripe_webhook_secret is None:
            return ()
        parts = (part.strip() for part in self.stripe_webhook_secret.get_secret_value().split(","))
        return tuple(part for part in parts if part)

    @field_validator("database_url", "read_database_url", "seal_database_url")
    @classmethod
    def _readable_by_libpq(cls, url: SecretStr | None) -> SecretStr | None:
        """Found here, and said in our words: libpq's quote the URL, and with it a password."""
        if url is not None:
            from psycopg import ProgrammingError  # noqa: PLC0415 - the driver, which few commands need
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

            try:
                conninfo_to_dict(url.get_secret_value())
            except ProgrammingError:
                raise ValueError(
                    "a PostgreSQL URL is expected, like postgresql://ledger@localhost/ledger; in a password % is written %25"
                ) from None
        return url

    @field_validator("ledger_jwt_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SHORTEST_JWT_SECRET_BYTES:
            raise ValueError(
                f"at least {SHORTEST_JWT_SECRET_BYTES} bytes are needed; `openssl rand -base64 48` makes a good one"
            )
        return secret

    @field_validator("ledger_seal_key")
    @classmethod
    def _readable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            from ledger.proof.notes import SigningKey  # noqa: PLC0415 - cryptography, which few commands need

            SigningKey.parse(key.get_secret_value())
        return key

    @model_validator(mode="after")
    def _seals_go_somewhere(self) -> Self:
        if self.ledger_seal_key is not None and self.ledger_seal_store is None and self.stripe_api_key is not None:
            raise ValueError(
                "LEDGER_SEAL_KEY needs LEDGER_SEAL_STORE: seals are kept outside the database as well as in it"
            )
        return self

    @model_validator(mode="after")
    def _one_kind_of_token(self) -> Self:
        if self.ledger_jwt_secret is not None and self.ledger_jwks_url is not None:
            raise ValueError("set LEDGER_JWT_SECRET or LEDGER_JWKS_URL, not both: tokens are verified in one way only")
        return self
