"""Payouts paid through a Stripe of the test's own: nobody else's transfers are in its books."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ledger.event_log import EventLog
from ledger.reconciliation.reconciling import Reconciling
from ledger.reconciliation.run_lines import RunLines
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool
from sandbox.stripe_twin import process
from tests.cli.command import Command, scratch_folder
from tests.payouts.conftest import road_on
from tests.payouts.road import API_KEY, PATIENT_SECONDS, Road, Stripe
from tests.reconciliation.books import Books

REPORT = "/sandbox/reports/balance_change_from_activity.itemized.3.csv"
WHOLE, HALF, KEPT = range(3)


@dataclass
class Paid:
    """Three payouts that were paid: one reversed in whole at Stripe's dashboard, one in two parts of which we heard, one kept."""

    road: Road
    url: str
    ledger: Command
    payouts: list[str]

    def report(self) -> str:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return httpx.get(
            f"{self.road.stripe.url}{REPORT}", headers=headers, trust_env=False, timeout=PATIENT_SECONDS
        ).text

    def transfer_id(self, payout: int) -> str:
        (transfer,) = self.road.stripe.transfers()[self.payouts[payout]]
        return str(transfer["id"])


@pytest.fixture(scope="module")
def paid(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paid]:
    url = make_database()
    with (
        process.start(tmp_path_factory.mktemp("stripe"), api_key=API_KEY, arguments=["--no-latency"]) as twin,
        scratch_folder() as folder,
    ):
        stripe = Stripe(twin.url)
        with road_on(url, stripe) as road:
            settings = {"DATABASE_URL": url, "STRIPE_API_KEY": API_KEY, "STRIPE_API_BASE": twin.url}
            payouts = [road.owe(f"acct_ok{number}") for number in range(3)]
            for payout_id in payouts:
                road.advance(payout_id)
            paid = Paid(road, url, Command(folder, settings), payouts)
            take_back(paid, WHOLE, 5000)
            take_back(paid, HALF, 1500)
            take_back(paid, HALF, 500)
            yield paid
        stripe.close()


def take_back(paid: Paid, payout: int, *amounts_minor: int) -> None:
    """Somebody reverses at Stripe, and we hear of it once."""
    payout_id = paid.payouts[payout]
    before_minor = paid.road.payout(payout_id).reversed_minor
    for amount_minor in amounts_minor:
        paid.road.stripe.reverse(paid.transfer_id(payout), amount_minor)
    paid.road.hear(payout_id, "transfer.reversed")
    paid.road.advance(payout_id)
    assert paid.road.payout(payout_id).reversed_minor == before_minor + sum(amounts_minor)


@pytest.fixture
def reconciling(paid: Paid) -> Iterator[Reconciling]:
    with open_pool(paid.url) as pool:
        yield Reconciling(paid.road.log, RunLines(pool), paid.road.clock)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(content)
        return path

    return write


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with closing(PostgresRecorder(database_url)) as recorder, open_pool(database_url) as pool:
        yield Books(EventLog(recorder), RunLines(pool))
