"""Stripe's activity, or a bank statement, as it was read: lines, and a digest by which the same input is known again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ledger.events import ReconciledSource, SourceKind
from ledger.reconciliation.digests import digest_of
from ledger.reconciliation.line import Line
from ledger.reconciliation.scope import Coverage, Extent


@dataclass(frozen=True)
class Activity:
    """`left_out`: how many lines were in other currencies than the one asked for. `asked`: the stretch of time that was asked
    for, where it was asked for and not exported by somebody.
    """

    kind: SourceKind
    lines: Sequence[Line]
    left_out: int = 0
    asked: Coverage | None = None

    @cached_property
    def sha256(self) -> str:
        return digest(self.lines)

    @cached_property
    def extent(self) -> Extent | None:
        """None if there are no lines."""
        moments = [line.at for line in self.lines]
        return (min(moments), max(moments)) if moments else None

    def source(self, seen: Coverage | None) -> ReconciledSource:
        """As a run's event has it."""
        return ReconciledSource(
            kind=self.kind,
            sha256=self.sha256,
            lines=len(self.lines),
            left_out=self.left_out,
            seen_since=seen.since if seen is not None else None,
            seen_until=seen.until if seen is not None else None,
        )


def digest(lines: Iterable[Line]) -> str:
    """Independent of the order in which lines were exported, and of how the file writes them."""
    return digest_of(sorted(map(_normal, lines)))


def _normal(line: Line) -> str:
    named = f"{line.id}\x1f{line.category}\x1f{line.source_id or ''}\x1f{line.transfer_id or ''}"
    about = f"{line.payout_id or ''}\x1f{line.account or ''}"
    money = f"{line.amount_minor} {line.fee_minor} {line.net_minor} {line.currency}"
    return f"{named}\x1f{about}\x1f{money}\x1f{line.at.isoformat()}\n"
