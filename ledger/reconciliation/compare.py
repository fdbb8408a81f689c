"""One book against Stripe's activity: every line of either side ends in exactly one class. Pure.

Matched by ids first: the transfer's (or top-up's, or bank payout's), then our payout's. Only what has no id to go by is matched
by amount and time, and where both sides know the account or the transfer, only within that: bonuses are all alike, and two
that differ in whom they paid must never explain each other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ledger.events import Book, LineClass
from ledger.reconciliation.line import TRANSFER_REVERSAL, Line
from ledger.reconciliation.nearest import consecutive_sum, nearest_pairs
from ledger.reconciliation.scope import Scope

MatchedBy = Literal["id", "payout_id", "amount_and_time", "sum"]


class Classified(NamedTuple):
    """A line of either side, or two of them that belong together."""

    line_class: LineClass
    book: Line | None
    stripe: Line | None
    matched_by: MatchedBy | None = None

    @property
    def category(self) -> str:
        line = self.stripe if self.stripe is not None else self.book
        return line.category if line is not None else ""


@dataclass
class Compared:
    """`left_out_*`: lines outside the range that nothing inside it matched; they are no part of the totals."""

    classified: list[Classified] = field(default_factory=list)
    left_out_of_book: list[Line] = field(default_factory=list)
    left_out_of_stripe: list[Line] = field(default_factory=list)


def compare(
    book: Book, book_lines: Iterable[Line], stripe_lines: Iterable[Line], categories: frozenset[str], scope: Scope
) -> Compared:
    """Classify all lines. Stripe's that are of none of these `categories` are not the book's business."""
    matching = _Matching(scope)
    comparable = []
    for line in sorted(stripe_lines, key=_in_time):
        if line.category in categories:
            comparable.append(line)
        else:
            matching.stripe_alone(line, LineClass.OTHER_AT_STRIPE)
    ours, theirs = _Side(sorted(book_lines, key=_in_time)), _Side(comparable)
    for line in ours.repeated:
        matching.book_alone(line, LineClass.DUPLICATE)
    for line in theirs.repeated:
        matching.stripe_alone(line, LineClass.DUPLICATE)
    _by_source(ours, theirs, matching)
    _by_payout(ours, theirs, matching)
    _by_amount_and_time(ours, theirs, matching)
    _by_sum(ours, theirs, matching)
    _by_transfer(ours, theirs, matching)
    _leftovers(book, ours, theirs, matching)
    return matching.compared


class _Side:
    """The lines of one side that are still to be matched, in the order of time. The same id a second time is `repeated`."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.open: dict[str, Line] = {}
        self.repeated: list[Line] = []
        self.matched: dict[str, Line] = {}
        for line in lines:
            if line.id in self.open:
                self.repeated.append(line)
            else:
                self.open[line.id] = line

    def take(self, line: Line) -> None:
        self.matched[line.id] = self.open.pop(line.id)

    def grouped(self, key: Callable[[Line], object | None]) -> dict[object, list[Line]]:
        """The open lines by a key; those without one are left aside."""
        groups: dict[object, list[Line]] = defaultdict(list)
        for line in self.open.values():
            found = key(line)
            if found is not None:
                groups[found].append(line)
        return groups


class _Matching:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.compared = Compared()

    def pair(self, ours: _Side, book: Line, theirs: _Side, stripe: Line, matched_by: MatchedBy) -> None:
        ours.take(book)
        theirs.take(stripe)
        if not (self.scope.holds(book) or self.scope.holds(stripe)):
            self.compared.left_out_of_book.append(book)
            self.compared.left_out_of_stripe.append(stripe)
            return
        if book.amount_minor != stripe.amount_minor:
            line_class = LineClass.AMOUNT_DIFFERS
        elif book.in_flight:
            line_class = LineClass.TIMING if self.scope.may_be_beyond(book) else LineClass.UNKNOWN_TO_US
        else:
            line_class = LineClass.MATCHED
        self.compared.classified.append(Classified(line_class, book, stripe, matched_by))

    def sum(self, ours: _Side, book: Line, theirs: _Side, stripe: tuple[Line, ...]) -> None:
        """One line of ours is several of theirs."""
        if not any(map(self.scope.holds, (book, *stripe))):
            return
        ours.take(book)
        for place, line in enumerate(stripe):
            theirs.take(line)
            self.compared.classified.append(Classified(LineClass.MATCHED, None if place else book, line, "sum"))

    def book_alone(self, line: Line, line_class: LineClass) -> None:
        if self.scope.holds(line):
            self.compared.classified.append(Classified(line_class, line, None))
        else:
            self.compared.left_out_of_book.append(line)

    def stripe_alone(self, line: Line, line_class: LineClass) -> None:
        if self.scope.holds(line):
            self.compared.classified.append(Classified(line_class, None, line))
        else:
            self.compared.left_out_of_stripe.append(line)


def _by_source(ours: _Side, theirs: _Side, matching: _Matching) -> None:
    """The id of Stripe's object. A second line of the same object and direction is a duplicate, on either side."""
    wanted = theirs.grouped(_source)
    for key, book_lines in ours.grouped(_source).items():
        stripe_lines = wanted.get(key, [])
        if stripe_lines:
            matching.pair(ours, book_lines[0], theirs, stripe_lines[0], "id")
            for line in book_lines[1:]:
                ours.take(line)
                matching.book_alone(line, LineClass.DUPLICATE)
    for stripe_lines in wanted.values():
        for line in stripe_lines[1:]:
            theirs.take(line)
            matching.stripe_alone(line, LineClass.DUPLICATE)


def _by_payout(ours: _Side, theirs: _Side, matching: _Matching) -> None:
    """Our own id, where no transfer is known to us yet. A further transfer for a payout that has one is a duplicate: also if
    its own is of another month, or gone at Stripe.
    """
    waiting = ours.grouped(lambda line: None if line.source_id else _payout(line))
    seen = (*ours.matched.values(), *ours.open.values())
    known = {_payout(line) for line in seen if line.source_id}
    for payout_id, stripe_lines in theirs.grouped(_payout).items():
        book_lines = waiting.get(payout_id, [])
        for book, stripe in zip(book_lines, stripe_lines, strict=False):
            matching.pair(ours, book, theirs, stripe, "payout_id")
        if book_lines or payout_id in known:
            for stripe in stripe_lines[len(book_lines) :]:
                theirs.take(stripe)
                matching.stripe_alone(stripe, LineClass.DUPLICATE)


def _by_amount_and_time(ours: _Side, theirs: _Side, matching: _Matching) -> None:
    party = _party_of(theirs)
    candidates = theirs.grouped(lambda line: None if _payout(line) else (line.amount_minor, party(line)))
    for key, book_lines in ours.grouped(
        lambda line: None if line.source_id else (line.amount_minor, party(line))
    ).items():
        for book, stripe in nearest_pairs(book_lines, candidates.get(key, []), matching.scope.window):
            matching.pair(ours, book, theirs, stripe, "amount_and_time")


def _by_sum(ours: _Side, theirs: _Side, matching: _Matching) -> None:
    """Reversals made at Stripe by others are read off the transfer: several of them may be one event of the log.

    Only of the same transfer or account: where Stripe's lines name neither, sums of anybody's reversals would explain anything.
    """
    party = _party_of(theirs)

    def key(line: Line) -> object | None:
        return party(line) if line.category == TRANSFER_REVERSAL else None

    candidates = theirs.grouped(key)
    for found, book_lines in ours.grouped(key).items():
        for book in book_lines:
            near = [
                line
                for line in candidates.get(found, [])
                if line.id in theirs.open and abs(line.at - book.at) <= matching.scope.window
            ]
            parts = consecutive_sum(book.amount_minor, near)
            if parts:
                matching.sum(ours, book, theirs, parts)


def _by_transfer(ours: _Side, theirs: _Side, matching: _Matching) -> None:
    """Reversals of the same transfer that do not agree in their amount."""
    candidates = theirs.grouped(lambda line: line.transfer_id)
    for transfer_id, book_lines in ours.grouped(lambda line: line.transfer_id).items():
        for book, stripe in zip(book_lines, candidates.get(transfer_id, []), strict=False):
            matching.pair(ours, book, theirs, stripe, "id")


def _leftovers(book: Book, ours: _Side, theirs: _Side, matching: _Matching) -> None:
    said_before = {_content(line) for line in ours.matched.values() if book == "bank"}
    for line in ours.open.values():
        if book == "bank" and _content(line) in said_before:
            line_class = LineClass.DUPLICATE
        else:
            line_class = LineClass.TIMING if matching.scope.may_be_beyond(line) else LineClass.MISSING_AT_STRIPE
        matching.book_alone(line, line_class)
    absent = LineClass.MISSING_AT_BANK if book == "bank" else LineClass.UNKNOWN_TO_US
    # The log is read beyond both ends: of a range that is over, what it does not have it will not have.
    is_certain = book == "log" and matching.scope.cutoff >= matching.scope.until
    for line in theirs.open.values():
        may_be_beyond = not is_certain and matching.scope.may_be_beyond(line)
        matching.stripe_alone(line, LineClass.TIMING if may_be_beyond else absent)


def _in_time(line: Line) -> tuple[object, str]:
    return line.at, line.id


def _source(line: Line) -> object | None:
    """Stripe's object and the direction of the money: a bank payout and its return have the same one."""
    return (line.source_id, line.amount_minor < 0) if line.source_id else None


def _payout(line: Line) -> object | None:
    return line.payout_id if line.category != TRANSFER_REVERSAL else None


def _party_of(theirs: _Side) -> Callable[[Line], object]:
    """Between whom the money moved, as far as Stripe's lines tell it: a report without Connect columns does not."""
    lines = [*theirs.open.values(), *theirs.matched.values()]
    reversals = [line for line in lines if line.category == TRANSFER_REVERSAL]
    tells_transfer = any(line.transfer_id for line in reversals)
    tells_account = {
        True: any(line.account for line in reversals),
        False: any(line.account for line in lines if line.category != TRANSFER_REVERSAL),
    }

    def party(line: Line) -> object:
        is_reversal = line.category == TRANSFER_REVERSAL
        if is_reversal and tells_transfer:
            return line.transfer_id
        return line.account if tells_account[is_reversal] else None

    return party


def _content(line: Line) -> str:
    """What a bank's line says, without its number among equal lines."""
    return line.id.rpartition("/")[0]
