"""`ledger replay`: any read model's answer as of an earlier moment; and whether the live ones are what the log says."""

import sys
from datetime import datetime

import orjson
import typer
from rich.text import Text

from api import composition
from api.cli import databases, payout_screen, screen, structured_log
from api.cli.errors import FOUND_WRONG, NotDone, UsageProblem
from api.cli.named_ids import instructor_id
from api.services import Services
from api.settings import Settings
from ledger.events import UnknownEventTypeError, payout_tag
from ledger.history import about
from ledger.major_units import money
from projections.as_of import AsOf, NotYetError, UnreadableMomentError, moment, parse
from projections.fold import UndigestibleEventError
from projections.projector import ProjectionStoppedError, Projector
from projections.rebuild import compare_with_replay
from projections.replay import Question
from projections.replay_check import DifferingValue, differing_value
from projections.views import InstructorAsOf, ReferralView, Replayed

__all__ = ["check", "run"]

OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def run(as_of: str | None, question: Question, *, as_json: bool) -> None:
    if len(question.named) > 1:
        raise UsageProblem("at most one of --referral, --instructor and --payout")
    if question.instructor_id is not None:
        instructor_id(question.instructor_id, "--instructor")
    now = composition.now()
    wanted = _wanted(as_of, now)
    structured_log.keep_quiet()
    settings = Settings()
    with (
        databases.history(settings) as (url, _),
        composition.services(settings, url, "replay", pool_size=1) as services,
    ):
        then = _moment(services, wanted, now)
        found = _ask(services, question, then)
        if found is None:
            raise NotDone(f"not_found: {question.named[0]} did not exist at position {then.position}")
        if not as_json:
            if composition.is_sandbox(settings):
                screen.sandbox_note()
            _show(services, found)
            return
    sys.stdout.buffer.write(orjson.dumps(found.model_dump(mode="json", exclude_unset=True), option=OPTIONS))


def check(as_of: str | None, question: Question, *, as_json: bool) -> None:
    if as_of is not None or question.named:
        raise UsageProblem("--check is about everything as of now: without --as-of, --referral, --instructor, --payout")
    structured_log.keep_quiet()
    with (
        databases.history(Settings()) as (url, _),
        composition.event_log(url, "replay") as log,
        composition.owner_pool(url) as pool,
        screen.progress("Replaying the log", log.recorder.head()) as meter,
    ):
        try:
            differences = compare_with_replay(pool, log, meter.at)
        except ProjectionStoppedError as error:
            raise NotDone(str(error)) from None
        position = Projector(pool, log).position()
    first = differing_value(differences[0]) if differences else None
    if as_json:
        document = {"position": position, "first_difference": first.model_dump() if first else None}
        sys.stdout.buffer.write(orjson.dumps(document, option=OPTIONS))
    elif first is None:
        screen.out.print(f"Every live read model is what the log says up to position {position}, row by row.")
    else:
        _difference(first)
    if first is not None:
        raise typer.Exit(FOUND_WRONG)


def _difference(first: DifferingValue) -> None:
    screen.out.print("The live read models are not what the log says. The first difference:")
    said = {"table": first.table, "row": first.key, "column": first.column or "(the whole row)"}
    for name, value in {**said, "live": first.live, "replayed": first.replayed}.items():
        screen.out.print(Text(f"  {name:<8}  {value}"), soft_wrap=True)
    if first.more:
        screen.out.print(f"Values of this row that differ beside it: {first.more}")
    screen.note("`ledger rebuild` builds them anew, and keeps these for a look.")


def _wanted(as_of: str | None, now: datetime) -> int | datetime | None:
    try:
        return None if as_of is None else parse(as_of, now)
    except UnreadableMomentError as error:
        raise UsageProblem(f"--as-of: {error}") from None


def _moment(services: Services, wanted: int | datetime | None, now: datetime) -> AsOf:
    try:
        return moment(services.log.recorder, wanted, now)
    except NotYetError as error:
        raise UsageProblem(f"--as-of: {error}") from None


def _ask(services: Services, question: Question, then: AsOf) -> Replayed | None:
    try:
        if question.named:
            return services.replay.ask(question, then)
        with screen.progress("Replaying the log", then.position) as meter:
            found = services.replay.ask(question, then, meter.at)
            meter.at(then.position)
    except (UndigestibleEventError, UnknownEventTypeError) as error:
        raise NotDone(str(error)) from None
    return found


def _show(services: Services, found: Replayed) -> None:
    if found.totals is not None:
        totals = found.totals
        for table in screen.totals(totals.statuses, totals.bonuses, totals.money_minor, totals.currency):
            screen.out.print(table)
    if found.payout is not None:
        recorded, _ = services.log.read([about(payout_tag(found.payout.payout_id))])
        timeline = [each for each in recorded if each.position <= found.position]
        payout_screen.payout(found.payout, timeline, found.position)
    if found.referral is not None:
        _referral(found.referral)
    if found.instructor is not None:
        _instructor(found.instructor)
    screen.out.print(f"As of position {found.position} of the log, at {found.at:%Y-%m-%d %H:%M:%S} UTC")


def _referral(view: ReferralView) -> None:
    earned = f"  {money(view.amount_minor, view.currency)}" if view.amount_minor and view.currency else ""
    screen.out.print(Text.assemble((view.referral_id, "bold"), f"  {view.status}{earned}"))
    screen.out.print(f"    {view.referred_id}, referred by {view.referrer_id}", markup=False)
    screen.out.print(f"    {view.explanation} ({view.reason.value})", markup=False, style="dim")
    if view.next_attempt_at is not None:
        screen.out.print(f"    tried next: {view.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC", style="dim")


def _instructor(found: InstructorAsOf) -> None:
    stats = found.stats
    money = {name: getattr(stats, name) for name in ("earned_minor", "paid_minor", "pending_minor", "failed_minor")}
    counts = {status: count for status, count in stats.counts.items() if count}
    screen.out.print(f"Codes: {', '.join(stats.codes) or 'none'}", markup=False)
    _, _, amounts = screen.totals({}, {}, money, stats.currency)
    screen.out.print(screen.counts("Referrals by status", counts))
    screen.out.print(amounts)
    for view in found.referred:
        _referral(view)
