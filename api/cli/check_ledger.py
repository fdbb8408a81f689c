"""`ledger check-ledger`: the invariants of a ledger as it is."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.errors import FOUND_WRONG
from api.cli.stripe_books import StripeBooks
from api.cli.together import books_at
from api.data_folder import Workspace
from api.invariants import Check, check_all
from api.services import Services
from api.settings import Settings

__all__ = ["check", "run"]


def run() -> None:
    structured_log.keep_quiet()
    settings = composition.completed(Settings())
    with databases.history(settings) as (url, workspace), _books(settings, workspace) as books:
        if composition.is_sandbox(settings):
            screen.sandbox_note()
        with composition.services(settings, url, "check", pool_size=2) as services:
            checks = check(services, url, books)
    screen.checks(checks)
    if not all(each.holds for each in checks):
        raise typer.Exit(FOUND_WRONG)


def check(services: Services, url: str, books: StripeBooks | None) -> list[Check]:
    """Every invariant, with what is being done on the screen."""
    steps = 0

    def on_progress(said: str) -> None:
        nonlocal steps
        steps += 1
        meter.at(steps - 1, said=said)

    with composition.owner_pool(url) as pool, screen.progress("Checking the invariants", 4) as meter:
        read_transfers = books.transfers if books is not None else None
        checks = check_all(services.log, pool, read_transfers, composition.now(), on_progress)
        on_progress("the seals")
        checks.append(_sealed(services, url))
        meter.at(4)
    return sorted(checks, key=lambda each: each.number)


def _sealed(services: Services, url: str) -> Check:
    """The other half of invariant 5: every stored row against the signed tree over the log."""
    from ledger.proof.findings import FindingKind  # noqa: PLC0415 - cryptography
    from ledger.proof.verification import verify  # noqa: PLC0415

    claim = "no stored byte changed since it was sealed"
    key = composition.signing_key(services.settings)
    if key is None:
        return Check(5, claim, "not checked: nothing is sealed here, LEDGER_SEAL_KEY is not set", is_open=True)
    store = composition.seal_store(services.settings, url)
    verdict = verify(url, services.seals, store, [key.public], composition.now())
    if {finding.kind for finding in verdict.findings} == {FindingKind.NOTHING_SEALED}:
        return Check(5, claim, "not checked: nothing was ever sealed here; `ledger project` seals", is_open=True)
    root = base64.b64encode(verdict.root).decode() if verdict.root is not None else "none"
    compared = f"{verdict.sealed} of {verdict.events} events sealed, {verdict.checkpoints} checkpoints, root {root}"
    return Check(5, claim, compared, tuple(str(finding) for finding in verdict.findings))


@contextmanager
def _books(settings: Settings, workspace: Workspace) -> Iterator[StripeBooks | None]:
    """The sandbox's, while it runs. The real Stripe's are compared by reconciling."""
    url = settings.stripe_api_base or _address(workspace)
    if not composition.is_sandbox(settings) or url is None:
        yield None
        return
    with books_at(settings, url) as books:
        yield books if books.is_ready() else None


def _address(workspace: Workspace) -> str | None:
    try:
        address: str = json.loads(workspace.stripe_address.read_text())["url"]
    except (OSError, ValueError, KeyError):
        return None
    return address
