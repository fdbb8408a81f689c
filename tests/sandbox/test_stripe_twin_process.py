"""The twin as a process of its own: the official client over HTTP, kill -9 at any time, webhooks to a real receiver."""

import asyncio
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe_twin import process

KEY = "sk_test_an_honest_opponent"
SECRET = "whsec_between_the_two_of_us"
TRANSFER: Any = {"amount": 7500, "currency": "usd", "destination": "acct_ok1", "metadata": {"payout_id": "p1"}}
QUICK = ["--no-latency"]


@contextmanager
def client_of(twin: process.TwinProcess) -> Iterator[stripe.StripeClient]:
    addresses: Any = {"api": twin.url}
    transport = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
    yield stripe.StripeClient(KEY, base_addresses=addresses, http_client=transport, max_network_retries=0)
    transport.close()


@contextmanager
def control_of(twin: process.TwinProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=twin.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as control:
        yield control


class Receiver:
    """A platform's webhook endpoint: answers with the statuses it is given, then 200, and keeps what it got."""

    def __init__(self, *statuses: int) -> None:
        self.received: queue.Queue[tuple[bytes, str]] = queue.Queue()
        self._statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.put((body, self.headers["Stripe-Signature"]))
                self.send_response(receiver._statuses.pop(0) if receiver._statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next(self, kind: str) -> tuple[stripe.Event, bytes]:
        """The next event of a kind, verified as the ledger would."""
        while True:
            body, signature = self.received.get(timeout=30)
            event = stripe.Webhook.construct_event(body, signature, SECRET)
            if event.type == kind:
                return event, body


def test_the_official_client_is_served_in_both_its_forms(tmp_path: Path) -> None:
    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, client_of(twin) as client:
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

        async def asynchronously() -> stripe.Transfer:
            try:
                return await client.v1.transfers.create_async(TRANSFER, {"idempotency_key": "k"})
            finally:
                await client._requestor._client.close_async()  # type: ignore[attr-defined]

        replayed = asyncio.run(asynchronously())
        assert replayed.id == transfer.id
        assert replayed.last_response is not None
        assert replayed.last_response.headers["idempotent-replayed"] == "true"


def test_books_and_keys_survive_kill_9_under_load(tmp_path: Path) -> None:
    acknowledged: dict[str, str] = {}
    in_flight: set[str] = set()

    def pay_until_it_dies(client: stripe.StripeClient, worker: int) -> None:
        for number in range(10_000):
            key = f"{worker}-{number}"
            in_flight.add(key)
            try:
                acknowledged[key] = client.v1.transfers.create(TRANSFER, {"idempotency_key": key}).id
            except stripe.APIConnectionError:
                return
            in_flight.discard(key)

    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, client_of(twin) as client:
        workers = [threading.Thread(target=pay_until_it_dies, args=(client, worker)) for worker in range(3)]
        for worker in workers:
            worker.start()
        while len(acknowledged) < 30:
            pass
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
        assert sorted(transfer["idempotency_key"] for transfer in transfers) == sorted({*acknowledged, *in_flight})
        held = {balance["owner"]: balance["available"] for balance in balances}
        assert held["acct_ok1"] == 7500 * len(transfers) == 10_000_000 - held["acct_platform"]


def test_webhooks_reach_a_receiver_signed_and_again_after_a_refusal(tmp_path: Path) -> None:
    with (
        Receiver(500) as receiver,
        process.start(tmp_path, api_key=KEY, webhook_url=receiver.url, webhook_secret=SECRET, arguments=QUICK) as twin,
        client_of(twin) as client,
        control_of(twin) as control,
    ):
        _, refused = receiver.next("balance.available")
        transfer = client.v1.transfers.create(TRANSFER)
        event, _ = receiver.next("transfer.created")
        assert event.data.object["id"] == transfer.id

        control.put("/sandbox/accounts/acct_ok1", json={"transfers": "inactive"}).raise_for_status()
        event, _ = receiver.next("capability.updated")
        assert (event.account, event.data.object["status"]) == ("acct_ok1", "inactive")

        pending = control.get("/sandbox/webhooks").json()["pending"]
        control.post("/sandbox/clock", json={"advance_seconds": 2.0})
        assert [delivery["type"] for delivery in pending] in (["balance.available"], [])
        if pending:
            assert receiver.next("balance.available")[1] == refused


def test_what_is_owed_is_delivered_after_kill_9(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/webhooks"
    with (
        process.start(tmp_path, api_key=KEY, webhook_url=nobody, webhook_secret=SECRET, arguments=QUICK) as twin,
        client_of(twin) as client,
    ):
        transfer = client.v1.transfers.create(TRANSFER)
        twin.kill()
    with (
        Receiver() as receiver,
        process.start(tmp_path, api_key=KEY, webhook_url=receiver.url, webhook_secret=SECRET, arguments=QUICK) as twin,
        control_of(twin) as control,
    ):
        control.post("/sandbox/clock", json={"advance_seconds": 120.0}).raise_for_status()
        assert receiver.next("transfer.created")[0].data.object["id"] == transfer.id


def test_the_controls_move_money_faults_and_time(tmp_path: Path) -> None:
    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, control_of(twin) as control:
        assert httpx.get(f"{twin.url}/sandbox/balances", trust_env=False).status_code == 401
        assert control.post("/sandbox/top-ups", json={"amount_minor": 500}).status_code == 200
        assert control.post("/sandbox/top-ups", json={"amount_minor": -1}).status_code == 422
        assert control.post("/sandbox/accounts/acct_ok1/bank-payouts", json={"amount_minor": 1}).status_code == 409
        report = control.get("/sandbox/reports/balance_change_from_activity.itemized.3.csv")
        assert report.text.splitlines()[2].split(",")[8] == "5.00"

        assert control.put("/sandbox/faults/rates", json={"html_502": 1.0}).status_code == 200
        assert control.put("/sandbox/faults/rates", json={"html_502": 2.0}).status_code == 422
        assert control.put("/sandbox/faults/rates", json={"no_such_fault": 0.5}).status_code == 422
        assert control.get("/v1/balance").status_code == 502
        control.delete("/sandbox/faults")
        assert control.get("/v1/balance").json()["available"][0]["amount"] == 10_000_500

        before = control.get("/sandbox/clock").json()["now_seconds"]
        assert control.post("/sandbox/clock", json={"advance_seconds": 86_400.0}).json()["now_seconds"] > before + 86_400
    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, control_of(twin) as control:
        assert control.get("/sandbox/clock").json()["now_seconds"] > before + 86_400, "time does not go back"


def test_hostile_requests_get_an_answer_and_leave_the_twin_well(tmp_path: Path) -> None:
    with process.start(tmp_path, api_key=KEY, arguments=QUICK) as twin, control_of(twin) as control:
        assert control.post("/v1/transfers", content=b"a" * 1_000_000).status_code == 413
        assert control.post("/sandbox/faults", content=b"[" * 100_000).status_code == 422
        for hostile in (b"\xff\xfe=1", b"amount=%ff", b"a[b]=1&a=2&a[c]=3", b"[]=1", b"&&&==", b"metadata[" * 2000):
            assert control.post("/v1/transfers", content=hostile).status_code == 400
        assert control.get("/v1/transfers/%00%27;drop table transfer").status_code == 404
        assert control.get("/v1/balance").status_code == 200


def test_two_twins_never_share_one_set_of_books(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with process.start(tmp_path, api_key=KEY, arguments=QUICK):
        with pytest.raises(process.StartFailed):
            process.start(tmp_path, api_key=KEY, arguments=QUICK)
        assert "another Stripe twin is using" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["--api-key", "k", "--webhook-url", "http://127.0.0.1:1"], ["--api-key", "k", "--faults", "no such file"]],
)
def test_a_command_line_that_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "sandbox.stripe_twin", "--data-dir", str(tmp_path), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr


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
    assert f'"pid": {int(ended.stdout)}' in ready.read_text()
    while Path(f"/proc/{int(ended.stdout)}/sqlite").parent.exists():
        pass
