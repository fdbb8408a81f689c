"""The twin as a process of its own: the official client over HTTP, kill -9 at any time, webhooks to a real receiver."""

import asyncio
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import stripe

from sandbox.stripe_twin import Store, process
from sandbox.stripe_twin.__main__ import main
from sandbox.stripe_twin.storage import StoreInUseError
from tests.sandbox.stripe_twin_platform import KEY, SECRET

TRANSFER: Any = {"amount": 7500, "currency": "usd", "destination": "acct_ok1", "metadata": {"payout_id": "p1"}}
QUICK = ["--no-latency"]


@contextmanager
def client_of(twin: process.TwinProcess) -> Iterator[stripe.StripeClient]:
    addresses: Any = {"api": twin.url}
    transport = stripe.RequestsClient(timeout=30)
    yield stripe.StripeClient(KEY, base_addresses=addresses, http_client=transport, max_network_retries=0)
    transport.close()


async def pay_asynchronously(twin: process.TwinProcess, key: str) -> stripe.Transfer:
    addresses: Any = {"api": twin.url}
    transport = stripe.HTTPXClient(timeout=30)
    client = stripe.StripeClient(KEY, base_addresses=addresses, http_client=transport, max_network_retries=0)
    try:
        return await client.v1.transfers.create_async(TRANSFER, {"idempotency_key": key})
    finally:
        await transport.close_async()


@contextmanager
def control_of(twin: process.TwinProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=twin.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as control:
        yield control


class Receiver:
    """A platform's webhook endpoint: refuses what it sees for the first time, and keeps all it got."""

    def __init__(self) -> None:
        self.received: queue.Queue[tuple[bytes, str]] = queue.Queue()
        self._kept: defaultdict[str, list[tuple[stripe.Event, bytes]]] = defaultdict(list)
        receiver, seen = self, set[bytes]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.put((body, self.headers["Stripe-Signature"]))
                self.send_response(200 if body in seen else 500)
                seen.add(body)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next(self, kind: str) -> tuple[stripe.Event, bytes]:
        """The next event of a kind, verified as the ledger would; others are kept for later."""
        while not self._kept[kind]:
            body, signature = self.received.get(timeout=30)
            event = stripe.Webhook.construct_event(body, signature, SECRET)
            self._kept[event.type].append((event, body))
        return self._kept[kind].pop(0)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.TwinProcess]:
    with process.start(tmp_path_factory.mktemp("twin"), api_key=KEY, arguments=QUICK) as running:
        yield running


# Stripe's client hands its form to httpx in a way that httpx deprecates; as an error it would look like a lost connection.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_the_official_client_is_served_in_both_its_forms(twin: process.TwinProcess) -> None:
    with client_of(twin) as client:
        transfer = client.v1.transfers.create(TRANSFER, {"idempotency_key": "k"})
        assert transfer.metadata.to_dict() == {"payout_id": "p1"}
        reversal = client.v1.transfers.reversals.create(transfer.id, {"amount": 500})
        assert reversal.transfer == transfer.id
        assert client.v1.transfers.retrieve(transfer.id, {"expand": ["destination"]}).amount_reversed == 500
        assert client.v1.transfers.update(transfer.id, {"metadata": {"a": "1"}}).metadata["a"] == "1"
        for number in range(3):
            client.v1.transfers.create(TRANSFER, {"idempotency_key": f"k{number}"})
        assert len(list(client.v1.transfers.list({"limit": 2}).auto_paging_iter())) == 4
        with pytest.raises(stripe.AuthenticationError):
            client.v1.balance.retrieve({}, {"api_key": "sk_test_of_somebody_else"})

    replayed = asyncio.run(pay_asynchronously(twin, "k"))
    assert replayed.id == transfer.id
    assert replayed.last_response is not None
    assert replayed.last_response.headers["idempotent-replayed"] == "true"


def test_hostile_requests_get_an_answer_and_leave_the_twin_well(twin: process.TwinProcess) -> None:
    with control_of(twin) as control:
        assert control.post("/v1/transfers", content=b"a" * 1_000_000).status_code == 413
        assert control.post("/sandbox/faults", content=b"[" * 100_000).status_code == 422
        for hostile in (b"\xff\xfe=1", b"amount=%ff", b"a[b]=1&a=2&a[c]=3", b"[]=1", b"&&&==", b"metadata[" * 2000):
            assert control.post("/v1/transfers", content=hostile).status_code == 400
        assert control.get("/v1/transfers/%00%27;drop table transfer").status_code == 404
        assert control.get("/v1/balance").status_code == 200


def test_the_controls_move_money_and_faults(twin: process.TwinProcess) -> None:
    with control_of(twin) as control:
        assert httpx.get(f"{twin.url}/sandbox/balances", trust_env=False).status_code == 401
        before = control.get("/v1/balance").json()["available"][0]["amount"]
        assert control.post("/sandbox/top-ups", json={"amount_minor": 500}).status_code == 200
        assert control.post("/sandbox/top-ups", json={"amount_minor": -1}).status_code == 422
        assert control.post("/sandbox/accounts/acct_ok9/bank-payouts", json={"amount_minor": 1}).status_code == 409
        report = control.get("/sandbox/reports/balance_change_from_activity.itemized.3.csv")
        assert report.text.splitlines()[-1].split(",")[8] == "5.00"

        assert control.put("/sandbox/faults/rates", json={"html_502": 1.0}).status_code == 200
        assert control.put("/sandbox/faults/rates", json={"html_502": 2.0}).status_code == 422
        assert control.put("/sandbox/faults/rates", json={"no_such_fault": 0.5}).status_code == 422
        assert control.get("/v1/balance").status_code == 502
        control.delete("/sandbox/faults")
        assert control.get("/v1/balance").json()["available"][0]["amount"] == before + 500


def test_books_keys_and_time_survive_kill_9_under_load(tmp_path: Path) -> None:
    acknowledged: dict[str, str] = {}
    in_flight: set[str] = set()
    well_under_way = threading.Semaphore(0)

    def pay_until_it_dies(client: stripe.StripeClient, worker: int) -> None:
        for number in range(10_000):
            key = f"{worker}-{number}"
            in_flight.add(key)
            try:
                acknowledged[key] = client.v1.transfers.create(TRANSFER, {"idempotency_key": key}).id
            except stripe.APIConnectionError:
                return
            in_flight.discard(key)
            well_under_way.release()

    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, client_of(twin) as client:
        with control_of(twin) as control:
            later = control.post("/sandbox/clock", json={"advance_seconds": 3600.0}).json()["now_seconds"]
        workers = [threading.Thread(target=pay_until_it_dies, args=(client, worker)) for worker in range(3)]
        for worker in workers:
            worker.start()
        for _ in range(30):
            assert well_under_way.acquire(timeout=30)
        twin.kill()
        for worker in workers:
            worker.join()

    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, client_of(twin) as client:
        for key, transfer in acknowledged.items():
            assert client.v1.transfers.create(TRANSFER, {"idempotency_key": key}).id == transfer
        for key in in_flight:
            client.v1.transfers.create(TRANSFER, {"idempotency_key": key})
        with control_of(twin) as control:
            transfers = control.get("/sandbox/transfers").json()["payouts"]["p1"]
            balances = control.get("/sandbox/balances").json()["balances"]
            assert control.get("/sandbox/clock").json()["now_seconds"] > later, "time does not go back"
        assert sorted(transfer["idempotency_key"] for transfer in transfers) == sorted({*acknowledged, *in_flight})
        held = {balance["owner"]: balance["available"] for balance in balances}
        assert held["acct_ok1"] == 7500 * len(transfers) == 10_000_000 - held["acct_platform"]


def test_webhooks_arrive_signed_and_again_after_a_refusal_and_after_kill_9(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/webhooks"
    listening: Any = {"webhook_secret": SECRET, "arguments": QUICK}
    with (
        process.start(tmp_path, api_key=KEY, webhook_url=nobody, **listening) as twin,
        client_of(twin) as client,
    ):
        transfer = client.v1.transfers.create(TRANSFER)
        twin.kill()

    with (
        Receiver() as receiver,
        process.start(tmp_path, api_key=KEY, webhook_url=receiver.url, **listening) as twin,
        control_of(twin) as control,
    ):
        control.post("/sandbox/clock", json={"advance_seconds": 120.0}).raise_for_status()
        event, refused = receiver.next("transfer.created")
        assert event.data.object["id"] == transfer.id

        control.put("/sandbox/accounts/acct_ok1", json={"transfers": "inactive"}).raise_for_status()
        event, _ = receiver.next("capability.updated")
        assert (event.account, event.data.object["status"]) == ("acct_ok1", "inactive")

        control.post("/sandbox/clock", json={"advance_seconds": 5.0}).raise_for_status()
        assert receiver.next("transfer.created")[1] == refused


def test_two_twins_never_share_one_set_of_books(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "stripe_twin.sqlite")
    with pytest.raises(process.StartFailed):
        process.start(tmp_path, api_key=KEY, arguments=QUICK)
    store.close()
    assert "another Stripe twin is using" in capfd.readouterr().err


def test_every_call_is_logged_with_the_moments_it_came_and_was_answered(tmp_path: Path) -> None:
    log = tmp_path / "calls.ndjson"
    began = time.time()
    with process.start(tmp_path, api_key=KEY, arguments=[*QUICK, "--rate-limit", "1", "--call-log", str(log)]) as twin:
        with client_of(twin) as client:
            client.v1.transfers.create(TRANSFER, {"idempotency_key": "k"})
            with pytest.raises(stripe.RateLimitError):
                client.v1.transfers.create(TRANSFER, {"idempotency_key": "k2"})
        calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(call["method"], call["path"], call["idempotency_key"], call["answer"]) for call in calls] == [
        ("POST", "/v1/transfers", "k", 200),
        ("POST", "/v1/transfers", "k2", 429),
    ]
    moments = [began, *(moment for call in calls for moment in (call["arrived_at"], call["answered_at"])), time.time()]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--api-key", "k", "--webhook-url", "http://127.0.0.1:1"], ["--api-key", "k", "--faults", "no such file"]],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["twin", "--data-dir", str(tmp_path), *arguments])
    with pytest.raises(SystemExit):
        main()
    assert "usage:" in capsys.readouterr().err


def test_a_twin_ends_with_whoever_started_it(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    parent = f"""
import os, signal, pathlib
from sandbox.stripe_twin import process
twin = process.start(pathlib.Path({str(tmp_path)!r}), api_key="k", arguments=["--ready-file", {str(ready)!r}])
print(twin.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, check=False)
    started = json.loads(ready.read_text())
    assert started["pid"] == int(ended.stdout)
    while True:  # its books are free as soon as it is gone, and not before
        try:
            Store(tmp_path / "stripe_twin.sqlite").close()
            break
        except StoreInUseError:
            continue
