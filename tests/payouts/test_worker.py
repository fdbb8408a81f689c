"""Workers as a whole: several at once, the database gone for a moment, one of them killed. Everybody is paid once."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ledger.events import StripeCredentialsAccepted, StripeCredentialsRejected, TransferRequested
from ledger.store import EventEnvelope
from sandbox.stripe_twin import Fault
from tests.payouts.road import Road
from tests.payouts.worker_process import work
from tests.sandbox.postgres_processes import eventually

ROOT = Path(__file__).parents[2]
MANY = 60
SHORT_LEASE_SECONDS = 1.0


class WorkerThread:
    """A worker on an event loop of its own, as in a process of its own."""

    def __init__(self, database_url: str, stripe_url: str, lease_seconds: float) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(database_url, stripe_url, lease_seconds))
        self._thread.start()

    def _run(self, database_url: str, stripe_url: str, lease_seconds: float) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(work(database_url, stripe_url, lease_seconds, self._stop))
        except BaseException as error:  # noqa: BLE001 - the test wants to know
            self._error = error

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._error is not None:
            raise self._error


@contextmanager
def working(road: Road, database_url: str, workers: int = 1, lease_seconds: float = 60.0) -> Iterator[None]:
    started = [WorkerThread(database_url, road.stripe.url, lease_seconds) for _ in range(workers)]
    try:
        yield
    finally:
        for worker in started:
            worker.stop()


def quiet(road: Road) -> bool:
    return road.todo.position() == road.log.recorder.head() and road.todo.is_quiet(horizon_seconds=30)


@pytest.fixture
def road(own_road: Road) -> Road:
    return own_road


def told_last(road: Road, payout_id: str) -> str:
    """Not counting what Stripe tells by itself, which a worker may hear before or after it settles."""
    return [told for told in road.story(payout_id) if told != "TransferNoticed"][-1]


def assert_all_paid(road: Road, payout_ids: list[str]) -> None:
    assert {payout_id: told_last(road, payout_id) for payout_id in payout_ids} == dict.fromkeys(
        payout_ids, "TransferSettled a1"
    )
    road.assert_books_agree()


def test_two_workers_pay_everybody_once(road: Road, database_url: str) -> None:
    payout_ids = [road.owe() for _ in range(MANY)]
    with working(road, database_url, workers=2):
        payout_ids += [road.owe() for _ in range(5)]  # while they work
        eventually(lambda: quiet(road), seconds=30)
    assert_all_paid(road, payout_ids)


def test_a_worker_hears_of_an_account_and_pays(road: Road, database_url: str) -> None:
    payout_id = road.owe(None)
    with working(road, database_url):
        eventually(lambda: quiet(road))
        assert road.story(payout_id) == []
        road.connect(payout_id, "acct_ok1")
        eventually(lambda: quiet(road) and road.story(payout_id))
    assert_all_paid(road, [payout_id])


def end_connections(postgres_url: str, database_url: str) -> None:
    """What a restart of the server does to everybody who is connected."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_workers_go_on_when_the_database_comes_back(road: Road, database_url: str, postgres_url: str) -> None:
    payout_ids = [road.owe() for _ in range(MANY)]
    with working(road, database_url, workers=2):
        for paid in (1, 15, 30, 45):
            eventually(lambda paid=paid: len(road.stripe.transfers().keys() & set(payout_ids)) >= paid, seconds=30)  # type: ignore[misc]
            end_connections(postgres_url, database_url)
        eventually(lambda: quiet(road), seconds=30)
    assert_all_paid(road, payout_ids)


def test_a_killed_worker_leaves_nothing_behind_that_another_does_not_finish(road: Road, database_url: str) -> None:
    payout_ids = [road.owe() for _ in range(MANY)]
    road.stripe.meets(Fault.SLOW_ANSWER, times=8, seconds=5)  # so many transfers exist whose answers never arrive
    arguments = [database_url, road.stripe.url, str(SHORT_LEASE_SECONDS)]
    doomed = subprocess.Popen([sys.executable, "-m", "tests.payouts.worker_process", *arguments], cwd=ROOT)
    try:
        eventually(lambda: len(road.stripe.transfers().keys() & set(payout_ids)) >= 16, seconds=30)
    finally:
        doomed.kill()
        doomed.wait()
    unfinished = [payout_id for payout_id in payout_ids if road.story(payout_id) == ["TransferRequested a1"]]
    assert len(unfinished) >= 8

    with working(road, database_url, lease_seconds=SHORT_LEASE_SECONDS):
        eventually(lambda: quiet(road), seconds=30)
    assert_all_paid(road, payout_ids)
    found = [road.newest(payout_id) for payout_id in unfinished]
    assert sum(each.replayed or each.adopted for each in found) >= 8


def test_faults_of_every_kind_end_with_everybody_paid_once(road: Road, database_url: str) -> None:
    payout_ids = [road.owe() for _ in range(MANY)]
    faults = [
        Fault.RESET_BEFORE,
        Fault.RESET_AFTER,
        Fault.TRUNCATED_BODY,
        Fault.HTML_502,
        Fault.HTML_502_AFTER,
        Fault.CONFLICT_409,
        Fault.LOCK_TIMEOUT,
    ]
    for fault in faults:
        road.stripe.meets(fault, times=3)
    with working(road, database_url, workers=2):
        eventually(lambda: quiet(road), seconds=60)
    assert road.stripe.faults_left() == 0
    assert_all_paid(road, payout_ids)


def test_rejected_credentials_hold_a_worker_until_it_finds_them_mended(
    road: Road, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.payouts.worker.PROBE_SECONDS", 0.05)
    payout_ids = [road.owe() for _ in range(5)]
    road.stripe.meets(Fault.ERROR_401)
    road.stripe.meets(Fault.ERROR_401, method="GET", path="/v1/balance", times=2)
    with working(road, database_url):
        eventually(lambda: len(road.stripe.transfers().keys() & set(payout_ids)) == 5 and quiet(road), seconds=30)
    events, _ = road.log.read()
    kinds = StripeCredentialsRejected | StripeCredentialsAccepted
    changes = [type(each.event) for each in events if isinstance(each.event, kinds)]
    assert changes == [StripeCredentialsRejected, StripeCredentialsAccepted]
    assert_all_paid(road, payout_ids)


def test_a_worker_of_an_older_release_than_the_log_pays_nothing_and_says_so(
    road: Road, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may not know what the event asks of it. A newer one pays."""
    payout_id = road.owe()
    road.log.recorder.append([EventEnvelope(type="FromTheFuture", data=b"{}", tags=["payout:x"])])
    with working(road, database_url):
        eventually(lambda: "log_is_newer" in capsys.readouterr().out, seconds=30)
    assert road.story(payout_id) == []


def test_a_worker_that_stops_lets_the_calls_in_flight_end(road: Road, database_url: str) -> None:
    payout_ids = [road.owe() for _ in range(4)]
    road.stripe.meets(Fault.SLOW_ANSWER, times=4, seconds=0.5)
    with working(road, database_url):
        eventually(lambda: road.stripe.transfers().keys() & set(payout_ids))
    for payout_id in payout_ids:
        assert not isinstance(road.newest(payout_id), TransferRequested)


def test_a_defect_in_one_payout_holds_up_no_other(
    road: Road, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    payout_id, broken_id = road.owe(), road.owe()
    advance = "ledger.payouts.process.PayoutProcess.advance"
    original: Callable[..., object] = __import__(
        "ledger.payouts.process", fromlist=["PayoutProcess"]
    ).PayoutProcess.advance
    is_mended = threading.Event()

    async def broken(process: object, each: str) -> object:
        if each == broken_id and not is_mended.is_set():
            raise ZeroDivisionError
        return await original(process, each)  # type: ignore[misc]

    monkeypatch.setattr(advance, broken)
    with working(road, database_url, lease_seconds=SHORT_LEASE_SECONDS):
        eventually(lambda: road.story(payout_id)[-1:] == ["TransferSettled a1"])
        assert road.story(broken_id) == []
        is_mended.set()
        eventually(lambda: quiet(road))
    assert_all_paid(road, [payout_id, broken_id])
