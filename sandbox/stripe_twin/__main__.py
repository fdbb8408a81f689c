"""`python -m sandbox.stripe_twin`: serve one twin on the loopback interface until told to stop."""

import argparse
import asyncio
import json
import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import uvicorn

from sandbox.stripe_twin import control
from sandbox.stripe_twin.call_log import CallLog
from sandbox.stripe_twin.clock import ShiftedClock
from sandbox.stripe_twin.delivery import Sender
from sandbox.stripe_twin.profiles import Profile, load
from sandbox.stripe_twin.server import ConnectionInScope, Shell
from sandbox.stripe_twin.settings import CURRENCIES, Latency, Limits, Settings
from sandbox.stripe_twin.storage import Store, StoreInUseError
from sandbox.stripe_twin.twin import Twin

_LOOPBACK = "127.0.0.1"


def main() -> None:
    """Parse the command line, serve, and say where."""
    parser = _parser()
    options = parser.parse_args()
    if not options.api_key:
        parser.error("an API key is needed: STRIPE_TWIN_API_KEY or --api-key")
    if bool(options.webhook_url) != bool(options.webhook_secret):
        parser.error("a webhook URL and its secret (STRIPE_TWIN_WEBHOOK_SECRET) belong together")
    try:
        profile = load(options.faults)
        settings = _settings(options, profile)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    options.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        store = Store(options.data_dir / "stripe_twin.sqlite")
    except StoreInUseError as error:
        sys.exit(str(error))
    with _listen(options.port) as listening, suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, settings, profile, store, listening))


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off, which would delay small answers by 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_LOOPBACK, port))
    except OSError as error:
        sys.exit(f"cannot listen on {_LOOPBACK}:{port}: {error.strerror}")
    return listening


async def _serve(
    options: argparse.Namespace, settings: Settings, profile: Profile, store: Store, listening: socket.socket
) -> None:
    clock = ShiftedClock(float(store.setting(control.CLOCK_OFFSET) or 0))
    seed = secrets.randbits(64) if options.seed is None else options.seed
    twin = Twin(store, settings, clock=clock, seed=seed, faults=profile.faults())
    sender = Sender(twin, options.webhook_url)

    call_log = CallLog.at(options.call_log) if options.call_log else None
    shell = Shell(twin, control.Controls(twin, clock), sender.wake, call_log)
    server = _Server(
        uvicorn.Config(
            shell,
            http=ConnectionInScope,
            ws="none",
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=1,  # calls that will never be answered are not waited for
        )
    )
    server.announce_to(options.ready_file)
    if options.stop_with_parent:
        Thread(target=server.stop_at_end_of_input, daemon=True).start()
    sending = asyncio.create_task(sender.run())
    sending.add_done_callback(lambda _: server.stop())  # without it the twin would be half a twin
    await server.serve(sockets=[listening])
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    store.close()


class _Server(uvicorn.Server):
    """Tells where it listens as soon as it does."""

    _ready_file: Path | None = None

    def announce_to(self, ready_file: Path | None) -> None:
        self._ready_file = ready_file

    def stop(self) -> None:
        self.should_exit = True

    def stop_at_end_of_input(self) -> None:
        """Standard input ends when whoever started this process is gone, however it died."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = (sockets or [])[0].getsockname()[1]
        ready = json.dumps({"url": f"http://{_LOOPBACK}:{port}", "port": port, "pid": os.getpid()})
        if self._ready_file is not None:
            unfinished = self._ready_file.with_name(self._ready_file.name + ".part")
            unfinished.write_text(ready, encoding="utf-8")
            unfinished.replace(self._ready_file)  # whoever waits for it never reads half of it
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()


def _settings(options: argparse.Namespace, profile: Profile) -> Settings:
    latency = None if options.no_latency else Latency(options.latency_median_ms / 1000, options.latency_p99_ms / 1000)
    return Settings(
        api_key=options.api_key,
        latency=latency,
        limits=Limits(endpoint_rate=options.rate_limit),
        webhook_secret=options.webhook_secret or None,
        webhooks=profile.webhooks,
        balance_minor=options.balance_minor,
        currency=options.currency,
        bank_payout_after_seconds=options.bank_payout_after_seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe_twin", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--data-dir", type=Path, required=True, help="where the twin keeps its books")
    add("--port", type=int, default=0, help="0: any free one")
    add("--ready-file", type=Path, help="gets JSON with url, port and pid once the twin answers")
    add("--stop-with-parent", action="store_true", help="stop when standard input ends")
    environment = os.environ.get
    add("--api-key", default=environment("STRIPE_TWIN_API_KEY"), help="better given as STRIPE_TWIN_API_KEY")
    add("--webhook-url", help="where events are delivered")
    secret = environment("STRIPE_TWIN_WEBHOOK_SECRET")
    add("--webhook-secret", default=secret, help="better given as STRIPE_TWIN_WEBHOOK_SECRET")
    add("--latency-median-ms", type=float, default=250.0)
    add("--latency-p99-ms", type=float, default=3000.0)
    add("--no-latency", action="store_true", help="answer at once")
    add("--rate-limit", type=float, help="requests a second and endpoint; Stripe's test mode has 25; default: none")
    add("--balance-minor", type=int, default=Settings.balance_minor, help="opening balance of a new store")
    add("--currency", choices=CURRENCIES, default=Settings.currency)
    add("--bank-payout-after-seconds", type=float, help="connected accounts pay out to their bank by themselves")
    add("--seed", type=int, help="makes ids, latencies and drawn faults repeatable")
    add("--call-log", type=Path, help="gets a line of JSON for every call, with its moments")
    add("--faults", default="none", help="none, rough, storm, or a JSON file with rates, script and webhooks")
    return parser


if __name__ == "__main__":
    main()
