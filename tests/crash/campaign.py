"""One run: start everything, play the season, kill as planned, let it come to rest, and gather the evidence."""

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg

from api import composition
from api.cli.check_ledger import check
from api.cli.quiet import NotQuiet, wait_until_quiet
from api.cli.screen import progress
from api.cli.season_result import result_of, told_by_oracle
from api.cli.together import Running, everything
from api.data_folder import Workspace
from api.processes import PartFailed
from api.services import Services
from api.settings import Settings
from api.tokens import issue_token
from sandbox.postgres import EmbeddedPostgres
from tests.crash.evidence import Evidence
from tests.crash.expected import differences
from tests.crash.load import Load, Receipts, write_season
from tests.crash.patience import Patience
from tests.crash.plan import Plan
from tests.crash.takeovers import count_takeovers, takeovers
from tests.crash.victims import Killer

__all__ = ["data_folder", "run"]

WORKERS = 2
BALANCE_MINOR = 1_000_000_000
READY_SECONDS = 60.0
POLL_SECONDS = 0.5
POOL_SIZE = 4
# Some of the faults are answers 401 and 403: to everything, also to a search.
EXPECTED_ALARMS = ("stripe_credentials_rejected", "stripe_permission_missing")
FATAL_LEVELS = ("error", "critical")


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder of this run alone, where the server's account can pass through; gone at the end, with all that ran on it."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-crash-"))
    folder.chmod(0o711)  # started by root, PostgreSQL runs as another user
    try:
        yield folder
    finally:
        if (folder / "postgres").exists():
            EmbeddedPostgres(folder / "postgres").wait_until_stopped()
        shutil.rmtree(folder, ignore_errors=True)


def run(plan: Plan, settings: Settings) -> Evidence:
    """`settings` name the data folder and no other database or Stripe than the sandbox's. Raises PartFailed."""
    folder = composition.data_folder(settings)
    workspace = folder.ledger
    restarts: Counter[str] = Counter()
    with ExitStack() as opened:
        url = opened.enter_context(composition.database(settings, workspace))
        opened.enter_context(workspace.claimed())
        composition.migrate(url)
        count_takeovers(url)
        season = workspace.path / "season.ndjson"
        write_season(plan, season)
        weather = workspace.path / "weather.json"
        weather.write_text(plan.weather)
        running = opened.enter_context(
            everything(
                settings,
                url,
                workspace,
                None,
                lambda name, _: restarts.update([name]),
                BALANCE_MINOR,
                WORKERS,
                ["--faults", str(weather), "--seed", str(plan.seed)],
            )
        )
        killer = Killer(folder.postgres / "cluster", url, plan)
        started = time.monotonic()
        receipts = _under_fire(plan, running, season, killer)
        evidence = Evidence(receipts, told_by_oracle(season), killer.kills, restarts)
        evidence.load_seconds = time.monotonic() - started
        _calm(running, url)
        killer.free_leases()
        services = opened.enter_context(composition.services(settings, url, "crash", POOL_SIZE))
        _come_to_rest(running, services, evidence)
        evidence.rest_seconds = time.monotonic() - started - evidence.load_seconds
        _gather(evidence, running, services, url, workspace)
        evidence.database_starts = (folder.postgres / "server.log").read_text(errors="replace").count("ready to accept")
    return evidence


def _under_fire(plan: Plan, running: Running, season: Path, killer: Killer) -> Receipts:
    """Play the season while the kills of each batch happen beside it."""
    token = issue_token(running.settings, "crash-platform", ["platform"], timedelta(hours=12))
    struck: list[Future[None]] = []
    with ThreadPoolExecutor(1, "kills") as beside, progress("Playing the season", plan.batches) as meter:

        def before_batch(number: int) -> None:
            meter.at(number, said=f"{killer.kills.total()} kills")
            if kills := [kill for kill in plan.kills if kill.batch == number]:
                struck.append(beside.submit(killer.strike, kills))

        receipts = Load(plan, season, running.api_url, token).play(before_batch)
    for strike in struck:
        strike.result()
    return receipts


def _calm(running: Running, url: str) -> None:
    """No more faults, and everybody is back."""
    stripe = running.stripe
    if stripe is None:
        raise TypeError("the Stripe twin has been started")
    key = composition.data_folder(running.settings).secrets().stripe_api_key
    with httpx.Client(trust_env=False, timeout=20, headers={"Authorization": f"Bearer {key}"}) as client:
        _wait_for(running, lambda: client.delete(f"{stripe.url}/sandbox/faults").is_success, "stripe")
        _wait_for(running, lambda: client.get(f"{running.api_url}/health/ready").is_success, "api")
    _wait_for(running, lambda: _answers(url), "api")


def _answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return not connection.closed


def _wait_for(running: Running, answers: Callable[[], bool], name: str) -> None:
    def ready() -> bool:
        try:
            return answers()
        except (httpx.HTTPError, psycopg.OperationalError):
            return False

    running.supervisor.wait_until(ready, name, READY_SECONDS)


def _come_to_rest(running: Running, services: Services, evidence: Evidence) -> None:
    """Until the result is as expected, or the patience is over; then until nobody is in the middle of anything."""
    patience = Patience()
    with progress("Coming to rest") as meter:
        try:
            while True:
                running.supervisor.check()
                _look(running, services, evidence)
                different = differences(evidence)
                meter.at(0, said=f"{len(different)} differences to {evidence.expectation.source}")
                if not different or patience.is_over(evidence):
                    break
                time.sleep(POLL_SECONDS)
            wait_until_quiet(running, services, meter, horizon_seconds=0.0)
        except (NotQuiet, PartFailed) as error:
            evidence.unrest = str(error)


def _look(running: Running, services: Services, evidence: Evidence) -> None:
    """How things stand. Stripe's books after the log: what the log says was answered is carried out by then, or never."""
    for each in services.log.stream(after=evidence.census.head):
        evidence.log.append(each)
        evidence.census.add(each)
    if running.stripe is not None:
        evidence.transfers = running.stripe.transfers()
    evidence.result = result_of(services, evidence.receipts.tally)


def _gather(evidence: Evidence, running: Running, services: Services, url: str, workspace: Workspace) -> None:
    _look(running, services, evidence)
    evidence.checks = check(services, url, running.stripe)
    evidence.takeovers = takeovers(url)
    for log in sorted(workspace.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        evidence.defects += [
            f"{log.stem}: " + "\n".join(said[:1000] for said in lines[number : number + TRACEBACK_LINES])
            for number, line in enumerate(lines)
            if _is_defect(line)
        ]


TRACEBACK_LINES = 60


def _is_defect(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return "Traceback" in line
    return entry.get("level") in FATAL_LEVELS and entry.get("event") not in EXPECTED_ALARMS
