"""What a person sees of a reconciliation: a table for each book, the difference explained, and what is still open."""

from collections.abc import Sequence

from rich.box import ROUNDED
from rich.table import Table
from rich.text import Text

from api.cli.screen import command_line, note, out
from ledger.events import Comparison, ReconciledSource
from ledger.major_units import money
from ledger.reconciliation.views import ComparisonView, ExceptionView, LineView, RunView, TogetherView

__all__ = ["comparison", "exceptions", "lines", "run", "runs", "unseen"]

BOOKS = {"log": "The log against Stripe", "bank": "The bank statement against Stripe"}
GOOD = {"matched": "green", "timing": "yellow", "other_at_stripe": "dim"}
SHOWN = 50
DAY_SECONDS = 86_400


def run(view: RunView) -> None:
    out.print(f"Run {view.run_id}: {view.since:%Y-%m-%d %H:%M} to {view.until:%Y-%m-%d %H:%M} UTC")
    for source in view.sources:
        left_out = f", {source.left_out} in other currencies left out" if source.left_out else ""
        note(f"{source.kind}: {source.lines} lines{left_out}, {_seen(source)}, sha256 {source.sha256[:16]}…")
    for each in view.comparisons:
        _table(each, view.currency)
    if view.together is not None:
        _together(view.together, view.currency)
    note(f"Compared with the log up to position {view.compared_position}; recorded at position {view.position}")


def _seen(source: ReconciledSource) -> str:
    if source.seen_since is None or source.seen_until is None:
        return "of no known time"
    return f"of {source.seen_since:%Y-%m-%d %H:%M} to {source.seen_until:%Y-%m-%d %H:%M} UTC"


def unseen(count: int) -> None:
    """Lines that wait because a file ends too early, or begins too late."""
    if count:
        out.print(
            f"{count} of the lines that wait (timing) cannot be decided by this data: it does not reach to where their "
            "counterparts would be, or beyond the range to those of lines that may be the same. Give files that reach further; "
            "if they were made for all of the range, say --stripe-complete or --bank-complete."
        )


def comparison(compared: Comparison, currency: str) -> None:
    """Of a run that was not recorded."""
    _table(ComparisonView.of(compared), currency)


def _table(view: ComparisonView, currency: str) -> None:
    table = Table(title=BOOKS[view.book], title_justify="left", box=ROUNDED)
    table.add_column("class")
    for name in ("lines", view.book, "Stripe", "difference"):
        table.add_column(name, justify="right")
    for each in view.classes:
        sums = [money(minor, currency) for minor in (each.book_minor, each.stripe_minor, each.difference_minor)]
        said = Text(f"{each.line_class.value}: {each.category}", GOOD.get(each.line_class, "red"))
        table.add_row(said, str(each.lines), *sums)
    table.add_section()
    whole = [money(minor, currency) for minor in (view.book_minor, view.stripe_minor, view.difference_minor)]
    table.add_row("total", str(sum(each.lines for each in view.classes)), *whole)
    left = Text("unexplained", "bold red" if view.remainder_minor else "green")
    table.add_row(left, "", "", "", money(view.remainder_minor, currency))
    out.print(table)


def _together(view: TogetherView, currency: str) -> None:
    table = Table(title="All three together", title_justify="left", box=ROUNDED, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("from and to the bank", money(view.bank_minor, currency))
    table.add_row("paid and taken back, by the log", money(view.log_minor, currency))
    table.add_row("so Stripe's balance should change by", money(view.expected_minor, currency))
    table.add_row("it changed by", money(view.stripe_minor, currency))
    table.add_row("difference, explained above", money(view.difference_minor - view.remainder_minor, currency))
    table.add_row("unexplained", money(view.remainder_minor, currency))
    out.print(table)


def exceptions(found: Sequence[ExceptionView]) -> None:
    """A few lines for each, at any width, oldest first."""
    if not found:
        out.print("No exceptions.")
        return
    for each in found[:SHOWN]:
        colour = "red" if each.state == "open" else "green"
        difference = money(each.difference_minor, each.currency)
        head = (each.exception_id, "bold"), "  ", (each.line_class.value, colour), f"  {each.category} {difference}"
        _line(Text.assemble(*head))
        for said in _details(each):
            _line(Text(f"    {said}", "dim"))
    if len(found) > SHOWN:
        note(f"and {len(found) - SHOWN} more: --json shows them all")
    still_open = [each for each in found if each.state == "open"]
    if still_open:
        are_open = "1 exception is open" if len(still_open) == 1 else f"{len(still_open)} exceptions are open"
        out.print(f"{are_open}. When one is settled:")
        command_line(f"ledger reconciliation resolve {still_open[0].exception_id} --as corrected --note '…'")


def _details(view: ExceptionView) -> list[str]:
    ours = (
        f"{view.book} {view.book_line_id} {money(view.book_minor or 0, view.currency)}" if view.book_line_id else None
    )
    stripe = " ".join(filter(None, ("Stripe", view.stripe_line_id, view.stripe_source_id)))
    theirs = f"{stripe} {money(view.stripe_minor or 0, view.currency)}" if view.stripe_line_id else None
    said = [each for each in (ours, theirs, view.payout_id and f"payout {view.payout_id}") if each]
    lines = [", ".join(said)]
    if view.candidates:
        more = view.candidates_in_all - len(view.candidates)
        named = ", ".join(view.candidates) + (f" and {more} more" if more else "")
        lines.append(f"may be, and nothing tells which: {named}")
    owner = f"owner {view.owner}" if view.owner else "no owner"
    lines.append(f"happened {view.happened_at:%Y-%m-%d %H:%M:%S} UTC, open for {_age(view.age_seconds)}, {owner}")
    lines += [f"{each.by}, {each.at:%Y-%m-%d}: {each.text}" for each in view.notes]
    if view.resolved is not None:
        resolved = view.resolved
        lines.append(f"{resolved.resolution.value} by {resolved.by}, {resolved.at:%Y-%m-%d}: {resolved.note}")
    return lines


def runs(found: Sequence[RunView]) -> None:
    for each in found:
        left = sum(abs(comparison.remainder_minor) for comparison in each.comparisons)
        said = f"{each.lines} lines, {each.exceptions} exceptions, unexplained {money(left, each.currency)}"
        _line(Text.assemble((each.run_id, "bold"), f"  {each.since:%Y-%m-%d} to {each.last_day}  {said}"))
        _line(Text(f"    {each.recorded_at:%Y-%m-%d %H:%M:%S} UTC by {each.actor}", "dim"))
    if not found:
        note("Nothing was reconciled yet.")


def lines(found: Sequence[LineView], currency: str, *, more: bool) -> None:
    for each in found:
        pairs = ((each.book, each.book_line_id, each.book_minor), ("Stripe", each.stripe_line_id, each.stripe_minor))
        sides = [f"{side} {name} {money(minor or 0, currency)}" for side, name, minor in pairs if name]
        by = f" (by {each.matched_by})" if each.matched_by else ""
        colour = GOOD.get(each.line_class, "red")
        _line(Text.assemble(f"{each.number}  ", (each.line_class.value, colour), f"  {', '.join(sides)}{by}"))
    if more:
        note("There are more: --after and --limit show them.")


def _age(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_SECONDS)
    hours, rest = divmod(rest, 3600)
    return f"{days} d" if days else f"{hours} h" if hours else f"{rest // 60} min"


def _line(text: Text) -> None:
    out.print(text, soft_wrap=not out.is_terminal)
