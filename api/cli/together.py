"""Everything at once: the Stripe twin, the API, the worker and the projector as child processes, ready to be used."""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from api import composition
from api.cli.errors import UsageProblem
from api.cli.interrupt import ignore_stops
from api.cli.stripe_books import StripeBooks
from api.data_folder import Workspace
from api.processes import Part, Supervisor
from api.settings import Settings

__all__ = ["Running", "books_at", "everything"]

READY_SECONDS = 60.0
WORKER_STOP_SECONDS = 20.0  # calls to Stripe end meanwhile; whatever does not is found again
BALANCE_MINOR = 100_000_000


@dataclass(frozen=True, slots=True)
class Running:
    """The parts, and where they answer. `stripe` None: the real one pays."""

    settings: Settings
    api_url: str
    stripe: StripeBooks | None
    supervisor: Supervisor


@contextmanager
def everything(
    settings: Settings,
    url: str,
    workspace: Workspace,
    port: int | None,
    on_restart: Callable[[str, int], None],
    balance_minor: int = BALANCE_MINOR,
    workers: int = 1,
    twin_options: Sequence[str] = (),
) -> Iterator[Running]:
    """Start all parts on a database that is prepared, wait until they are ready, stop them in order.

    `balance_minor`: what the twin's platform account begins with. `twin_options`: more of its command line.
    Raises PartFailed, UsageProblem if the port is taken.
    """
    host = settings.ledger_host
    wanted = port if port is not None else settings.ledger_port if "ledger_port" in settings.model_fields_set else 0
    with ExitStack() as opened:
        api_port = opened.enter_context(_reserved(host, wanted))
        api_url = _url(host, api_port)
        environment = _environment(settings, url)
        supervisor = Supervisor(workspace.logs, on_restart)
        opened.callback(_stop, supervisor)
        stripe = None
        twin = None
        if composition.is_sandbox(settings):
            twin_port = opened.enter_context(_reserved("127.0.0.1", 0))
            environment["STRIPE_API_BASE"] = f"http://127.0.0.1:{twin_port}"
            stripe = opened.enter_context(books_at(settings, environment["STRIPE_API_BASE"]))
            options = ["--balance-minor", str(balance_minor), *twin_options]
            twin = _twin(settings, environment, workspace, twin_port, api_url, options)
        serve = ["serve", "--host", host, "--port", str(api_port)]
        supervisor.start(_part("api", serve, environment))
        for number in range(1, workers + 1):
            name = "worker" if number == 1 else f"worker-{number}"
            supervisor.start(_part(name, ["work"], environment, WORKER_STOP_SECONDS))
        supervisor.start(_part("projector", ["project"], environment))
        with httpx.Client(base_url=api_url, trust_env=False, timeout=2) as api:
            supervisor.wait_until(lambda: _is_ready(api), "api", READY_SECONDS)
        if twin is not None and stripe is not None:
            supervisor.start(twin)  # has webhooks to deliver from its first moment
            supervisor.wait_until(stripe.is_ready, "stripe", READY_SECONDS)
        yield Running(settings, api_url, stripe, supervisor)


def _url(host: str, port: int) -> str:
    """Of something that listens on `host`; on every address means on this machine's own, too."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _stop(supervisor: Supervisor) -> None:
    ignore_stops()
    supervisor.stop()


def _environment(settings: Settings, url: str) -> dict[str, str]:
    """What all parts are told, on top of our own environment."""
    packages = [str(composition.SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        "DATABASE_URL": url,
        "LEDGER_DATA_DIR": str(composition.data_folder(settings).path),
        "LEDGER_LOG_FORMAT": "json",
        "LEDGER_LOOK_AROUND": "1" if composition.is_sandbox(settings) else "0",
        "PYTHONPATH": os.pathsep.join(filter(None, packages)),
    }


def _part(name: str, arguments: list[str], environment: Mapping[str, str], stop_seconds: float = 10.0) -> Part:
    command = [sys.executable, "-P", "-m", "api.cli", *arguments, "--stop-at-end-of-input"]
    return Part(name, command, environment, stop_seconds)


def _twin(
    settings: Settings,
    environment: Mapping[str, str],
    workspace: Workspace,
    port: int,
    api_url: str,
    options: Sequence[str],
) -> Part:
    command = [sys.executable, "-P", "-m", "sandbox.stripe_twin", "--stop-with-parent"]
    command += ["--data-dir", str(workspace.stripe), "--port", str(port), *options]
    command += ["--ready-file", str(workspace.stripe_address)]
    command += ["--webhook-url", f"{api_url}/api/v1/webhooks/stripe"]
    secrets = {
        "STRIPE_TWIN_API_KEY": composition.data_folder(settings).secrets().stripe_api_key,
        "STRIPE_TWIN_WEBHOOK_SECRET": settings.stripe_webhook_secrets[0],
    }
    return Part("stripe", command, {**environment, **secrets})


def books_at(settings: Settings, url: str) -> StripeBooks:
    """Of the sandbox's twin at this address."""
    return StripeBooks(url, composition.data_folder(settings).secrets().stripe_api_key)


def _is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/health/ready").is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """A port for a part to listen on, now and after each of its restarts; 0: any free one.

    Linux lets a part bind it while we hold it without listening, since both allow reuse, and gives it to nobody who asks
    for a free one. Elsewhere we have to let go of it first. Raises UsageProblem if it is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holding.bind((host, port))
        except OSError as error:
            raise UsageProblem(f"cannot listen on {host}:{port}: {error.strerror}") from None
        chosen: int = holding.getsockname()[1]
        if sys.platform != "linux":
            holding.close()
        yield chosen
