"""What a person sees of payouts: who is owed what, why not yet, who has to act, and what was decided."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from api.cli.screen import command_line, note, out
from api.decisions import Decision
from ledger.events import Recorded
from ledger.major_units import money
from projections.views import ApprovalView, OpenApprovalView, PayoutView

__all__ = ["approvals", "decision", "line_of", "payout", "payouts"]

COLOURS = {"paid": "green", "failed": "red", "pending_transfer": "yellow"}
ABOUT_THE_PAYOUT = {"payout_id", "referral_id", "referrer_id"}


def payouts(found: Sequence[PayoutView], *, more: bool, position: int) -> None:
    """A few lines for each, at any width."""
    for view in found:
        _line(
            Text.assemble(
                (view.payout_id, "bold"),
                "  ",
                _status(view),
                f"  {money(view.amount_minor, view.currency)} to {view.referrer_id}",
            )
        )
        for said in _why(view):
            _line(Text(f"    {said}", "dim"))
    if not found:
        note("No such payouts.")
    if more:
        note("There are more: --limit shows them.")
    note(f"As of position {position} of the log")


def payout(view: PayoutView, timeline: Sequence[Recorded], position: int) -> None:
    rows: dict[str, str | Text | None] = {
        "status": _status(view),
        "why": f"{view.for_operator} ({view.reason.value})",
        "who acts": view.who,
        "tried next": _moment(view.next_attempt_at),
        "amount": money(view.amount_minor, view.currency),
        "reversed": money(view.reversed_minor, view.currency) if view.reversed_minor else None,
        "to": view.referrer_id,
        "for": f"{view.referred_id} ({view.tier})",
        "account": view.destination,
        "transfer": view.transfer_id,
        "attempts": str(view.attempt),
        "last error": view.last_error,
        "earned": _moment(view.earned_at),
        "paid": _moment(view.paid_at),
        "held": f"by {view.hold.held_by}, {_moment(view.hold.held_at)}: {view.hold.note}" if view.hold else None,
        "request": _request(view.approval) if view.approval else None,
    }
    _line(Text(view.payout_id, "bold"))
    grid = _grid()
    for name, value in rows.items():
        if value is not None:
            grid.add_row(Text(f"  {name}", "dim"), value if isinstance(value, Text) else Text(value))
    out.print(grid)
    _line(Text("\nTimeline"))
    grid = _grid()
    for recorded in timeline:
        said = f"{type(recorded.event).__name__} by {recorded.actor}"
        about = ", ".join(f"{name} {value}" for name, value in _particulars(recorded).items())
        grid.add_row(Text(f"  {recorded.position}"), Text(_moment(recorded.recorded_at) or ""), Text(said))
        if about:
            grid.add_row("", "", Text(about, "dim"))
    out.print(grid)
    note(f"As of position {position} of the log")


def approvals(found: Sequence[OpenApprovalView], position: int) -> None:
    for view in found:
        owed = f"{money(view.amount_minor, view.currency)} to {view.referrer_id}"
        _line(Text.assemble((view.payout_id, "bold"), f"  {owed}  {_request(view)}"))
    if not found:
        note("Nothing waits for a second person.")
    note(f"As of position {position} of the log")


def decision(made: Decision) -> None:
    match made.outcome:
        case "recorded":
            out.print(f"Recorded, at position {made.position} of the log.")
        case "unchanged":
            out.print("It is so already: nothing was recorded.")
        case "awaits_approval":
            out.print(f"Request {made.approval} awaits a second person, who types:")
            command_line(f"ledger payout approve {made.payout_id} {made.approval} --reason '…'")


def line_of(recorded: Recorded) -> dict[str, object]:
    """An event of the timeline, for programs."""
    return {
        "position": recorded.position,
        "type": type(recorded.event).__name__,
        "recorded_at": recorded.recorded_at.isoformat(),
        "actor": recorded.actor,
        "data": recorded.event.model_dump(mode="json"),
    }


def _particulars(recorded: Recorded) -> Mapping[str, object]:
    """What a person wants to know of an event beside its type."""
    told = recorded.event.model_dump(mode="json", exclude=ABOUT_THE_PAYOUT)
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in told.items()}
    return {name: value for name, value in shown.items() if value is not None and not isinstance(value, dict)}


def _why(view: PayoutView) -> Iterator[str]:
    parts = [f"{view.reason.value}: {view.for_operator}"]
    if view.who != "nobody":
        parts.append(f"Who acts: {view.who}.")
    if view.next_attempt_at is not None:
        parts.append(f"Tried next: {_moment(view.next_attempt_at)}.")
    yield " ".join(parts)
    if view.hold is not None:
        yield f"held by {view.hold.held_by}: {view.hold.note}"
    if view.approval is not None:
        yield _request(view.approval)
    if view.last_error is not None:
        yield f"last error: {view.last_error}"


def _request(view: ApprovalView) -> str:
    state = "approved, to be carried out" if view.granted else "open"
    return f"request {view.number} to {view.action} ({state}) by {view.requested_by}, {_moment(view.requested_at)}: {view.reason}"


def _status(view: PayoutView) -> Text:
    return Text(view.status, COLOURS.get(view.status, ""))


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    return grid


def _line(text: Text) -> None:
    out.print(text, soft_wrap=not out.is_terminal)
