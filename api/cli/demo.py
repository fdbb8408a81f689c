"""`ledger demo`: a season through the whole ledger, and what it came to."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import typer

from api import composition
from api.cli import addresses, databases, screen, structured_log
from api.cli.check_ledger import check
from api.cli.errors import FOUND_WRONG, UsageProblem
from api.cli.interrupt import raise_on_stop
from api.cli.quiet import wait_until_quiet
from api.cli.season_result import (
    Expectation,
    Result,
    expectation_beside,
    read_expectation,
    result_of,
    told_by_oracle,
)
from api.cli.together import BALANCE_MINOR, Running, everything
from api.cli.up import announce_restart, stay
from api.data_folder import Workspace
from api.invariants import Check
from api.services import Services
from api.settings import Settings
from api.tokens import issue_token
from sandbox.season.generator import generate, to_line
from sandbox.season.player import SeasonError, Tally, deliveries_in, play

__all__ = ["Options", "run"]

LARGEST_BONUS_MINOR = 7500
POOL_SIZE = 4


@dataclass(frozen=True, slots=True)
class Options:
    season: Path | None
    seed: int
    instructors: int
    stop: bool
    port: int | None
    expect: Path | None
    json_result: Path | None


def run(options: Options) -> None:
    structured_log.keep_quiet()
    settings = composition.completed(Settings())
    _refuse_real_money(settings)
    raise_on_stop()
    if not _demo(options, settings):
        raise typer.Exit(FOUND_WRONG)


def _demo(options: Options, settings: Settings) -> bool:
    """Whether everything is as it should be."""
    workspace = composition.data_folder(settings).new_demo()
    expectation = _given_expectation(options)
    if composition.is_sandbox(settings):
        screen.sandbox_note()
    screen.note(f"Starting everything for this demo alone, in {workspace.path}")
    with ExitStack() as opened:
        url = opened.enter_context(databases.fresh_database(settings, workspace))
        opened.enter_context(workspace.claimed())
        season = options.season or _made_up(options, workspace)
        deliveries = deliveries_in(season)
        screen.note(f"Season: {options.season or f'made up, seed {options.seed}'}, {deliveries} deliveries")
        balance_minor = max(BALANCE_MINOR, deliveries * LARGEST_BONUS_MINOR)
        running = opened.enter_context(
            everything(settings, url, workspace, options.port, announce_restart, balance_minor)
        )
        services = opened.enter_context(composition.services(settings, url, "demo", POOL_SIZE))
        tally = _play(running, season, deliveries)
        with screen.progress("Paying bonuses", 0) as meter:
            wait_until_quiet(running, services, meter)
        result = result_of(services, tally)
        if options.json_result is not None:
            result.write(options.json_result)
        _seal(running.settings, url, services)
        checks = check(services, url, running.stripe)
        if options.season is None:
            expectation = expectation or told_by_oracle(season)
        is_right = _show(result, services, checks, expectation)
        if not options.stop:
            addresses.show(running, url, result.busiest or "ins_00000")
            stay(running)
    return is_right


def _refuse_real_money(settings: Settings) -> None:
    if settings.stripe_mode == "live":
        raise UsageProblem("STRIPE_API_KEY is a live key, and a demo pays people who do not exist: unset it")


def _given_expectation(options: Options) -> Expectation | None:
    """The result that the season must have, as far as a file says so. Raises UsageProblem."""
    beside = expectation_beside(options.season) if options.season is not None else None
    path = options.expect or beside
    return read_expectation(path) if path is not None else None


def _made_up(options: Options, workspace: Workspace) -> Path:
    season = workspace.path / "season.ndjson"
    with season.open("w", encoding="utf-8") as lines:
        lines.writelines(to_line(event) for event in generate(options.instructors, options.seed))
    return season


def _play(running: Running, season: Path, deliveries: int) -> Tally:
    """Through the HTTP API, as a platform would, one batch after the other. Raises SeasonError, PartFailed."""
    token = issue_token(running.settings, "demo-platform", ["platform"], addresses.TOKEN_LIFETIME)
    tally = Tally()
    # Never through a proxy: it is on this machine.
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        screen.progress("Playing the season", deliveries) as meter,
    ):
        try:
            for answers in play(season, base_url=running.api_url, token=token, client=client):
                tally.add(answers)
                meter.at(tally.outcomes.total())
        except SeasonError:
            running.supervisor.check()  # why the API is gone says more than that it is
            raise
    return tally


def _seal(settings: Settings, url: str, services: Services) -> None:
    """What was recorded last as well, without waiting for the sealer's next turn."""
    with composition.sealer(settings, url) as sealing:
        if sealing is not None:
            sealing[0].seal_at_least(services.log.recorder.head())


def _show(result: Result, services: Services, checks: list[Check], expectation: Expectation | None) -> bool:
    """Print what the season came to. Whether every invariant holds, and the result is the expected one."""
    document = result.document
    screen.out.print()
    screen.out.print(screen.counts(f"{document['deliveries']} deliveries by outcome", document["outcomes"]))
    for table in screen.totals(
        document["statuses"], document["bonuses"], document["money_minor"], document["currency"]
    ):
        screen.out.print(table)
    spots = services.read_models.founding()
    screen.out.print(
        f"Founding spots: {spots.spots_filled} of {spots.total_founding_spots} filled, {spots.spots_remaining} left\n"
    )
    screen.checks(checks)
    is_right = all(check.holds for check in checks)
    if expectation is not None:
        different = result.differences(expectation)
        screen.comparison(expectation.source, different)
        is_right = is_right and not different
    screen.out.print()
    return is_right
