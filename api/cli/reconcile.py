"""`ledger reconcile`: the log, Stripe and the bank held against each other, and what does not fit."""

import asyncio
import gc
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import orjson
import typer

from api import composition
from api.cli import databases, reconcile_screen, screen, structured_log
from api.cli.actor import actor as known_actor
from api.cli.errors import FOUND_WRONG, NotDone, UsageProblem
from api.data_folder import Workspace
from api.settings import Settings
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.bank_csv import COLUMNS, parse_bank_csv
from ledger.reconciliation.csv_file import BadFileError
from ledger.reconciliation.inputs import BadRangeError, Inputs, asked_beyond, range_of
from ledger.reconciliation.reconciling import Reconciling, TooManyExceptionsError
from ledger.reconciliation.scope import Coverage
from ledger.reconciliation.stripe_csv import parse_stripe_csv
from ledger.reconciliation.views import ExceptionView, RunView

__all__ = ["Options", "run"]

LARGEST_FILE_BYTES = 512 * 1024 * 1024
DAYS_BY_DEFAULT = 31


@dataclass(frozen=True, slots=True)
class Options:
    """`first_day` and `last_day` are both in the range. `bank_columns`: `OURS=THEIRS,…`."""

    stripe_csv: Path | None
    stripe_api: bool
    bank_csv: Path | None
    bank_columns: str | None
    first_day: datetime | None
    last_day: datetime | None
    stripe_complete: bool
    bank_complete: bool
    currency: str | None
    margin_minutes: int
    bank_days: int
    actor: str | None
    as_json: bool


def run(options: Options) -> None:
    """Exits with 1 while any exception is open, or if this run leaves a difference unexplained, or lines where nobody looked."""
    actor = known_actor(options.actor)
    names = _bank_names(options.bank_columns)
    if options.stripe_csv is not None and options.stripe_api:
        raise UsageProblem("--stripe-csv and --stripe-api are two ways to the same: give one")
    for name, is_complete, path in (
        ("stripe", options.stripe_complete, options.stripe_csv),
        ("bank", options.bank_complete, options.bank_csv),
    ):
        if is_complete and path is None:
            raise UsageProblem(f"--{name}-complete is said of a file: give --{name}-csv too")
    structured_log.keep_quiet()
    gc.disable()  # lines are many, none refers back to another, and this process ends soon: looking for cycles is a quarter of it
    settings = Settings()
    if composition.is_sandbox(settings) and not options.as_json:
        screen.sandbox_note()
    with (
        databases.history(settings) as (url, workspace),
        composition.services(settings, url, "reconcile", pool_size=2) as services,
    ):
        reconciling = services.reconciling
        inputs = _inputs(options, settings, workspace, reconciling, names)
        try:
            with screen.progress("Reconciling", 3) as meter:
                steps = iter(range(3))
                outcome = reconciling.run(
                    inputs, actor=actor, on_progress=lambda said: meter.at(next(steps), said=said)
                )
                meter.at(3)
        except BadRangeError as error:
            raise UsageProblem(f"{error} (--from, --to)") from None
        except TooManyExceptionsError as error:
            for comparison in error.run.comparisons:
                reconcile_screen.comparison(comparison, error.run.currency)
            raise NotDone(str(error)) from None
    now = composition.now()
    found = [ExceptionView.of(each, now) for each in outcome.open]
    view = RunView.of(outcome.run)
    if options.as_json:
        shown = [each.model_dump(mode="json") for each in found]
        document = {"run": view.model_dump(mode="json"), "open": shown, "unseen": outcome.unseen}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        reconcile_screen.run(view)
        reconcile_screen.exceptions(found)
        reconcile_screen.unseen(outcome.unseen)
    if found or outcome.unseen or any(each.remainder_minor for each in view.comparisons):
        raise typer.Exit(FOUND_WRONG)


def _inputs(
    options: Options, settings: Settings, workspace: Workspace, reconciling: Reconciling, names: dict[str, str]
) -> Inputs:
    program = reconciling.currency()
    currency = (options.currency or program).lower()
    if currency != program:
        raise UsageProblem(f"--currency: the program pays in {program}, and only that can be reconciled")
    others_left_out = options.currency is not None
    since, until = _range(options)
    clocks_margin, bank_margin = timedelta(minutes=options.margin_minutes), timedelta(days=options.bank_days)
    bank = None
    try:
        if options.bank_csv is not None:
            content = _read(options.bank_csv)
            bank = parse_bank_csv(content, currency, names=names, others_left_out=others_left_out)
        if options.stripe_csv is not None:
            content = _read(options.stripe_csv)
            stripe = parse_stripe_csv(content, currency, others_left_out=others_left_out)
        else:
            since, until = _range_of_api(since, until)
            around = asked_beyond(clocks_margin, bank_margin if bank is not None else None)
            stripe = _from_api(settings, workspace, currency, Coverage(since - around, until + around))
    except BadFileError as error:
        for problem in error.problems:
            screen.note(str(problem))
        more = ", and more that were not looked for" if error.more else ""
        count = f"{len(error.problems)} problem{'s' * (len(error.problems) != 1)}"
        raise UsageProblem(f"{error.name} is not taken: {count}{more}; nothing was recorded") from None
    return Inputs(
        stripe,
        bank,
        since,
        until,
        clocks_margin=clocks_margin,
        bank_margin=bank_margin,
        stripe_complete=options.stripe_complete,
        bank_complete=options.bank_complete,
    )


def _range(options: Options) -> tuple[datetime | None, datetime | None]:
    first, last = (each.date() if each else None for each in (options.first_day, options.last_day))
    try:
        return range_of(first, last)
    except BadRangeError as error:
        raise UsageProblem(f"{error} (--from, --to)") from None


def _range_of_api(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """Whole days: asking again on the same day, while nothing happened, is the same run."""
    until = until or datetime.combine(composition.now().date() + timedelta(days=1), time(), UTC)
    since = since or until - timedelta(days=DAYS_BY_DEFAULT)
    if since >= until:
        raise UsageProblem("--from is after --to")
    return since, until


def _from_api(settings: Settings, workspace: Workspace, currency: str, wanted: Coverage) -> Activity:
    """Of Stripe, or of the sandbox's twin while it runs. Raises NoStripe, NotDone."""
    from ledger.reconciliation.stripe_api import StripeUnreadableError, read_activity  # noqa: PLC0415 - slow to import

    if composition.is_sandbox(settings) and settings.stripe_api_base is None:
        settings = settings.model_copy(update={"stripe_api_base": _twin_address(workspace)})
    access = composition.stripe_access(settings)
    try:
        with screen.progress("Reading Stripe's activity") as meter:
            reading = read_activity(access.api_key, access.api_base, currency, wanted, composition.now(), meter.at)
            return asyncio.run(reading)
    except StripeUnreadableError as error:
        raise NotDone(str(error)) from None


def _twin_address(workspace: Workspace) -> str | None:
    try:
        address: str = json.loads(workspace.stripe_address.read_text())["url"]
    except (OSError, ValueError, KeyError):
        return None
    return address


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise UsageProblem(f"{path} has {size} bytes, more than {LARGEST_FILE_BYTES}: export a shorter range")
    return path.read_bytes()


def _bank_names(given: str | None) -> dict[str, str]:
    """`amount=Betrag,date=Datum` → which of their columns is ours."""
    pairs = [each.partition("=") for each in (given or "").split(",") if each]
    names = {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
    if not all(theirs and ours in COLUMNS for ours, theirs in names.items()):
        raise UsageProblem(f"--bank-columns is like amount=Betrag,date=Datum; ours are {', '.join(COLUMNS)}")
    return names
