"""One book against Stripe's activity: every line of either side ends in exactly one class. Pure.

Matched by ids first: the transfer's (or top-up's, or bank payout's), then our payout's, then that of the transfer that a
reversal takes back. Only what has no id to go by is matched by amount and time, and only where nothing else could be meant:
what has several candidates is an exception that names them.
"""

from collections import defaultdict
from collections.abc import Iterable

from ledger.events import Book, LineClass
from ledger.reconciliation.candidates import MOST_NAMED, NOBODY, Candidates, Named, only_pairs, possible_sums
from ledger.reconciliation.line import TRANSFER_REVERSAL, Line
from ledger.reconciliation.matching import Compared, Matching, Side, in_order
from ledger.reconciliation.nearest import consecutive_sum, nearest_pairs
from ledger.reconciliation.scope import Scope

__all__ = ["compare"]


def compare(
    book: Book, book_lines: Iterable[Line], stripe_lines: Iterable[Line], categories: frozenset[str], scope: Scope
) -> Compared:
    """Classify all lines. Stripe's that are of none of these `categories` are not the book's business."""
    matching = Matching(scope)
    comparable = []
    for line in in_order(stripe_lines):
        if line.category in categories:
            comparable.append(line)
        else:
            matching.stripe_alone(line, LineClass.OTHER_AT_STRIPE)
    ours, theirs = Side(in_order(book_lines)), Side(comparable)
    for line in ours.repeated:
        matching.book_alone(line, LineClass.DUPLICATE)
    for line in theirs.repeated:
        matching.stripe_alone(line, LineClass.DUPLICATE)
    _by_source(ours, theirs, matching)
    _by_payout(ours, theirs, matching)
    _by_transfer(ours, theirs, matching)
    _by_amount_and_time(book, ours, theirs, matching)
    _leftovers(book, ours, theirs, matching)
    return matching.compared


def _by_source(ours: Side, theirs: Side, matching: Matching) -> None:
    """The id of Stripe's object. A second line of the same object and direction is a duplicate, on either side."""
    mine, mine_again = ours.firsts(_source)
    others, others_again = theirs.firsts(_source)
    for key, line in mine.items():
        if key in others:
            matching.pair(ours, line, theirs, others[key], "id")
    for line in mine_again:
        if _source(line) in others:
            ours.take(line)
            matching.book_alone(line, LineClass.DUPLICATE)
    for line in others_again:
        theirs.take(line)
        matching.stripe_alone(line, LineClass.DUPLICATE)


def _by_payout(ours: Side, theirs: Side, matching: Matching) -> None:
    """Our own id, where no transfer is known to us yet. A further transfer for a payout that has one is a duplicate: also if
    its own is of another month, or gone at Stripe.
    """
    waiting = ours.grouped(lambda line: None if line.source_id else _payout(line))
    known = {_payout(line) for line in ours.all if line.source_id}
    for payout_id, stripe_lines in theirs.grouped(_payout).items():
        book_lines = waiting.get(payout_id, [])
        for book, stripe in zip(book_lines, stripe_lines, strict=False):
            matching.pair(ours, book, theirs, stripe, "payout_id")
        if book_lines or payout_id in known:
            for stripe in stripe_lines[len(book_lines) :]:
                theirs.take(stripe)
                matching.stripe_alone(stripe, LineClass.DUPLICATE)


def _by_transfer(ours: Side, theirs: Side, matching: Matching) -> None:
    """Reversals of a transfer that both sides name: equal amounts, the nearest first; then what adds up, since a transfer that
    others reverse at Stripe is read off once, and several reversals may be one event of the log; then what differs.
    """
    candidates = theirs.grouped(_taken_back)
    for transfer_id, book_lines in ours.grouped(_taken_back).items():
        stripe_lines = candidates.get(transfer_id, [])
        for book, stripe in _of_equal_amount(book_lines, stripe_lines):
            matching.pair(ours, book, theirs, stripe, "id")
        for book in _still_open(ours, book_lines):
            parts = consecutive_sum(book.amount_minor, _still_open(theirs, stripe_lines))
            if parts:
                matching.sum(ours, book, theirs, parts)
        left = zip(_still_open(ours, book_lines), _still_open(theirs, stripe_lines), strict=False)
        for book, stripe in left:
            matching.pair(ours, book, theirs, stripe, "id")


def _of_equal_amount(book_lines: list[Line], stripe_lines: list[Line]) -> list[tuple[Line, Line]]:
    by_amount: dict[int, list[Line]] = defaultdict(list)
    for line in stripe_lines:
        by_amount[line.amount_minor].append(line)
    wanted: dict[int, list[Line]] = defaultdict(list)
    for line in book_lines:
        wanted[line.amount_minor].append(line)
    return [pair for minor, lines in wanted.items() for pair in nearest_pairs(lines, by_amount.get(minor, []))]


def _by_amount_and_time(book: Book, ours: Side, theirs: Side, matching: Matching) -> None:
    """Each other's only candidates. Equal lines of a statement are one candidate: it makes no difference which is meant."""
    window = matching.scope.window
    mine, other = Candidates(_distinct(book, ours), window), Candidates(_without_payout(theirs), window)
    for line, stripe in list(only_pairs(_distinct(book, ours), mine, other)):
        if matching.scope.may_explain(line, stripe):
            matching.pair(ours, line, theirs, stripe, "amount_and_time")


def _leftovers(book: Book, ours: Side, theirs: Side, matching: Matching) -> None:
    scope = matching.scope
    of_book, of_stripe = _candidates(ours, theirs, scope)
    said_before = {_content(line) for line in ours.all if line.id not in ours.open} if book == "bank" else set()
    for line in ours.open.values():
        found = of_book.get(line.id, NOBODY)
        if book == "bank" and _content(line) in said_before:
            matching.book_alone(line, LineClass.DUPLICATE)
        elif _is_undecided(book, found, [(line, each) for each in found.nearest], scope):
            matching.book_alone(line, LineClass.TIMING, found)
        elif _is_missing(line, found, scope):
            matching.book_alone(line, LineClass.MISSING_AT_STRIPE, found)
        else:
            matching.book_alone(line, LineClass.TIMING)
    absent = LineClass.MISSING_AT_BANK if book == "bank" else LineClass.UNKNOWN_TO_US
    for line in theirs.open.values():
        found = of_stripe.get(line.id, NOBODY)
        if _is_undecided(book, found, [(each, line) for each in found.nearest], scope):
            matching.stripe_alone(line, LineClass.TIMING, found)
        elif found.in_all or scope.is_missing_in_book(line):
            matching.stripe_alone(line, absent, found)
        else:
            matching.stripe_alone(line, LineClass.TIMING)


def _is_undecided(book: Book, found: Named, pairs: list[tuple[Line, Line]], scope: Scope) -> bool:
    """Whether a line may be one of the candidates, and each of them may as well be what nobody has seen: more data decides.
    The log hears of what is at Stripe afterwards, so what it had before is something else.
    """
    if found.in_all > len(pairs) or any(scope.may_explain(*pair) for pair in pairs):
        return False
    return any(book == "bank" or ours.at > theirs.at for ours, theirs in pairs)


def _is_missing(line: Line, found: Named, scope: Scope) -> bool:
    """Whether a line of the book is an exception. One in flight waits for its outcome, whatever else it may be."""
    if found.in_all:
        return scope.is_overdue(line) or not line.in_flight
    return scope.is_missing_at_stripe(line)


def _candidates(ours: Side, theirs: Side, scope: Scope) -> tuple[dict[str, Named], dict[str, Named]]:
    """Of what is left on both sides, by the line's id."""
    book, stripe = _without_source(ours), _without_payout(theirs)
    mine, other = Candidates(book, scope.window), Candidates(stripe, scope.window)
    of_book = {line.id: other.of(line) for line in book}
    of_stripe = {line.id: mine.of(line) for line in stripe}
    alone = [line for line in book if not of_book[line.id].in_all]
    parts = [line for line in stripe if not of_stripe[line.id].in_all]
    for line, found in possible_sums(alone, parts, scope.window):
        of_book[line.id] = found
        for part in found.nearest:
            before = of_stripe[part.id]
            of_stripe[part.id] = Named((*before.nearest, line)[:MOST_NAMED], before.in_all + 1)
    return of_book, of_stripe


def _without_source(ours: Side) -> list[Line]:
    return [line for line in ours.open.values() if not line.source_id]


def _without_payout(theirs: Side) -> list[Line]:
    return [line for line in theirs.open.values() if not _payout(line)]


def _distinct(book: Book, ours: Side) -> list[Line]:
    """Of equal lines of a statement the first."""
    lines = _without_source(ours)
    return list({_content(line): line for line in reversed(lines)}.values()) if book == "bank" else lines


def _still_open(side: Side, lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.id in side.open]


def _source(line: Line) -> object | None:
    """Stripe's object and the direction of the money: a bank payout and its return have the same one."""
    return (line.source_id, line.amount_minor < 0) if line.source_id else None


def _payout(line: Line) -> object | None:
    return line.payout_id if line.category != TRANSFER_REVERSAL else None


def _taken_back(line: Line) -> object | None:
    return line.transfer_id if line.category == TRANSFER_REVERSAL else None


def _content(line: Line) -> object:
    """What a bank's line says, without its number among equal lines."""
    return line.id.rpartition("/")[0], line.at, line.amount_minor
