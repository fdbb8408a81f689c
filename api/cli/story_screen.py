"""A story on a person's screen: one paragraph an event, readable at 80 columns."""

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from rich.text import Text

from api.cli.screen import note, out
from ledger.major_units import money
from ledger.story.stripe_calls import StripeCall
from projections.story_views import Now, Part, Story, StoryLine, Sum

__all__ = ["show"]

WIDEST = 100
INDENT = " " * 8
OFF_BY_A_CLOCK_SECONDS = 2.0
"""Whatever happened here is recorded at once, by another clock."""


def show(story: Story) -> None:
    _say(story.headline, style="bold")
    if story.left_out:
        _say(f"{story.left_out} earlier events are left out.", style="dim")
    for line in story.lines:
        out.print()
        _line(line)
    for each in story.sums:
        out.print()
        _sum(each)
    if story.now is not None:
        out.print()
        _now(story.now)
    if story.see_also:
        out.print()
        _say(f"See also: {', '.join(story.see_also)}", style="dim")
    note(f"As of position {story.position} of the log")


def _line(line: StoryLine) -> None:
    said = f"{line.position:>6}  {_moment(line.recorded_at)}  by {line.actor}"
    out.print(Text(said, "bold"), soft_wrap=True)
    _say(line.sentence, INDENT)
    for more in _about(line):
        _say(more, INDENT, style="dim")
    if line.stripe_call is not None:
        for part in _call(line.stripe_call):
            out.print(Text(INDENT + part, "dim"), soft_wrap=True)


def _about(line: StoryLine) -> Iterator[str]:
    if line.why_this_amount is not None:
        yield line.why_this_amount
    if abs((line.recorded_at - line.occurred_at).total_seconds()) > OFF_BY_A_CLOCK_SECONDS:
        yield f"It happened at {_moment(line.occurred_at)}."
    if line.because is not None:
        yield f"Because of {line.because}."


def _call(call: StripeCall) -> Iterator[str]:
    yield f"Stripe: {call.call}, {money(call.amount_minor, call.currency)}"
    named = {"key": call.idempotency_key, "to": call.destination, "group": call.transfer_group, "of": call.transfer_id}
    for name, value in named.items():
        if value is not None:
            yield f"  {name} {value}"
    for answer in call.answers:
        request = f" ({answer.request_id})" if answer.request_id is not None else ""
        yield f"  answer at {answer.position}: {answer.answer}{request}"
    if not call.answers:
        yield "  no answer yet"


def _sum(found: Sum) -> None:
    def figure(number: int) -> str:
        return money(number, found.currency) if found.unit == "minor" else str(number)

    rows = [
        (str(part.count), money(part.each_minor, found.currency), money(part.sum_minor, found.currency))
        for part in found.parts
    ]
    counts, each, together = (max(map(len, column)) for column in zip(*rows, strict=True)) if rows else (0, 0, 0)
    _say(f"{found.name}: {figure(found.figure)}")
    for part, row in zip(found.parts, rows, strict=True):
        equation = f"  {row[0]:>{counts}} x {row[1]:>{each}} = {row[2]:>{together}}"
        out.print(Text(f"{equation}  {part.status}, {part.tier}{_came_back(part, found.currency)}"), soft_wrap=True)
    for part in found.parts:
        _say(_where(part), "  ", style="dim")
    if found.unexplained:
        _say(f"Not explained by the payouts: {figure(found.unexplained)}", "  ", style="bold red")
    else:
        _say(f"Explained to the last {'cent' if found.unit == 'minor' else 'one'}.", "  ", style="green")


def _came_back(part: Part, currency: str) -> str:
    """Of bonuses that no longer are where they were paid to, the whole sum of each."""
    if not part.reversed_minor:
        return ""
    given_up = f", {money(part.given_up_minor, currency)} of it given up" if part.given_up_minor else ""
    return f"; of {money(part.bonus_minor, currency)}, {money(part.reversed_minor, currency)} came back{given_up}"


def _where(part: Part) -> str:
    first, last = part.first_position, part.last_position
    where = f"position {first}" if first == last else f"positions {first} to {last}"
    more = ", …" if part.count > len(part.first_payouts) else ""
    return f"{part.status}, {part.tier}, earned at {where}: {', '.join(part.first_payouts)}{more}"


def _now(now: Now) -> None:
    out.print(Text.assemble("Now: ", (now.status, "bold"), f" ({now.reason.value})"))
    _say(now.explanation, INDENT)
    if now.who != "nobody":
        _say(f"Who acts: {now.who}.", INDENT)
    if now.next_attempt_at is not None:
        _say(f"Tried next: {_moment(now.next_attempt_at)}.", INDENT)


def _say(text: str, indent: str = "", *, style: str = "") -> None:
    """Ids are never broken: they are there to be copied."""
    width = min(out.width, WIDEST)
    lines = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        out.print(Text(line, style), soft_wrap=True)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
