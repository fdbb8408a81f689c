"""Lifecycle facts as the platform reports them, and what else benchmarks of the API need: tokens, and a log that has begun."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count

from pydantic import SecretStr

from api.composition import migrate
from api.settings import Settings
from api.tokens import issue_token
from benchmarks.parts import JWT_SECRET
from ledger.event_log import EventLog
from ledger.ingestion import Ingestion
from ledger.lifecycle import parse_fact
from ledger.people import PeopleDirectory
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool

__all__ = ["CODE", "REFERRER", "SPARE_TIME", "fact", "ingest", "referrer_facts", "token"]

REFERRER = "ins_referrer"
CODE = "BENCH"
SPARE_TIME = timedelta(hours=1)
BATCH = 500

_numbers = count()


def fact(kind: str, subject: str, before: timedelta = timedelta(0), **data: object) -> dict[str, object]:
    """A CloudEvent; it happened so long ago."""
    return {
        "specversion": "1.0",
        "id": f"fact-{next(_numbers)}",
        "source": "/benchmark",
        "type": f"instructor.{kind}",
        "subject": subject,
        "time": (datetime.now(UTC) - before).isoformat(),
        "data": data,
    }


def referrer_facts(
    referrer: str = REFERRER, code: str = CODE, account: str = "acct_ok1"
) -> Iterator[dict[str, object]]:
    """Somebody who has a code, and can be paid."""
    yield fact("referral_code_issued", referrer, before=9 * SPARE_TIME, code=code)
    yield fact(
        "payout_account_updated", referrer, before=8 * SPARE_TIME, stripe_account_id=account, transfers_active=True
    )


def ingest(database_url: str, facts: Iterable[dict[str, object]]) -> None:
    """Straight into the store of a log that begins with the program's terms."""
    migrate(database_url)
    deliveries = [parse_fact(each) for each in facts]
    with closing(PostgresRecorder(database_url)) as recorder, open_pool(database_url) as pool:
        ingestion = Ingestion(EventLog(recorder), PeopleDirectory(pool))
        for first in range(0, len(deliveries), BATCH):
            receipts = ingestion.ingest(deliveries[first : first + BATCH], "benchmark")
            assert all(receipt.outcome == "recorded" for receipt in receipts), receipts


def token(role: str, subject: str = "benchmark") -> str:
    settings = Settings(_env_file=None, ledger_jwt_secret=SecretStr(JWT_SECRET))
    return issue_token(settings, subject, [role], timedelta(hours=12))
