"""Lines that are still to be matched, and the classes in which the others ended: each of them in exactly one."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from ledger.events import LineClass
from ledger.reconciliation.candidates import NOBODY, Named
from ledger.reconciliation.line import Line
from ledger.reconciliation.scope import Scope

MatchedBy = Literal["id", "payout_id", "amount_and_time", "sum"]


class Classified(NamedTuple):
    """A line of either side, or two of them that belong together. `candidates`: of the other side, if it is not to be told
    which of them belongs to it, or whether the only one does.
    """

    line_class: LineClass
    book: Line | None
    stripe: Line | None
    matched_by: MatchedBy | None = None
    candidates: Named = NOBODY

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


class Side:
    """The lines of one side that are still to be matched, `in_order`. The same id a second time is `repeated`, and not
    among `all`.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self.open: dict[str, Line] = {}
        self.repeated: list[Line] = []
        for line in lines:
            if line.id in self.open:
                self.repeated.append(line)
            else:
                self.open[line.id] = line
        self.all = tuple(self.open.values())

    def take(self, line: Line) -> None:
        del self.open[line.id]

    def firsts(self, key: Callable[[Line], object | None]) -> tuple[dict[object, Line], list[Line]]:
        """The first open line of each key, and those after it; nearly all are the only ones of theirs."""
        firsts: dict[object, Line] = {}
        again: list[Line] = []
        for line in self.open.values():
            found = key(line)
            if found is not None and firsts.setdefault(found, line) is not line:
                again.append(line)
        return firsts, again

    def grouped(self, key: Callable[[Line], object | None]) -> dict[object, list[Line]]:
        """The open lines by a key; those without one are left aside."""
        groups: dict[object, list[Line]] = defaultdict(list)
        for line in self.open.values():
            found = key(line)
            if found is not None:
                groups[found].append(line)
        return groups


class Matching:
    """Puts lines in classes. Lines that nothing connects to the range are left out."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.compared = Compared()

    def pair(self, ours: Side, book: Line, theirs: Side, stripe: Line, matched_by: MatchedBy) -> None:
        ours.take(book)
        theirs.take(stripe)
        if not (self.scope.holds(book) or self.scope.holds(stripe)):
            self.compared.left_out_of_book.append(book)
            self.compared.left_out_of_stripe.append(stripe)
            return
        if book.amount_minor != stripe.amount_minor:
            line_class = LineClass.AMOUNT_DIFFERS
        elif _differ(book.account, stripe.account) or _differ(book.payout_id, stripe.payout_id):
            line_class = LineClass.RECIPIENT_DIFFERS
        else:
            line_class = self._agreed(book)
        self.compared.classified.append(Classified(line_class, book, stripe, matched_by))

    def sum(self, ours: Side, book: Line, theirs: Side, stripe: tuple[Line, ...]) -> None:
        """One line of ours is several of theirs."""
        if not any(map(self.scope.holds, (book, *stripe))):
            return
        ours.take(book)
        line_class = self._agreed(book)
        for place, line in enumerate(stripe):
            theirs.take(line)
            self.compared.classified.append(Classified(line_class, None if place else book, line, "sum"))

    def _agreed(self, book: Line) -> LineClass:
        """What is in flight has no outcome in the book yet, although Stripe's side agrees."""
        if not book.in_flight:
            return LineClass.MATCHED
        return LineClass.UNKNOWN_TO_US if self.scope.is_overdue(book) else LineClass.TIMING

    def book_alone(self, line: Line, line_class: LineClass, candidates: Named = NOBODY) -> None:
        if self.scope.holds(line):
            self.compared.classified.append(Classified(line_class, line, None, None, candidates))
        else:
            self.compared.left_out_of_book.append(line)

    def stripe_alone(self, line: Line, line_class: LineClass, candidates: Named = NOBODY) -> None:
        if self.scope.holds(line):
            self.compared.classified.append(Classified(line_class, None, line, None, candidates))
        else:
            self.compared.left_out_of_stripe.append(line)


def _differ(ours: str | None, theirs: str | None) -> bool:
    """Where both sides tell it."""
    return ours != theirs and ours is not None and theirs is not None


def in_order(lines: Iterable[Line]) -> list[Line]:
    """The same one, in whatever order a file has them: also of lines that have one id and differ in the rest."""
    ordered = sorted(lines, key=lambda line: (line.at, line.id))
    if any(line.at == after.at and line.id == after.id for line, after in pairwise(ordered)):
        ordered.sort(key=lambda line: (line.at, line.id, repr(line)))
    return ordered
