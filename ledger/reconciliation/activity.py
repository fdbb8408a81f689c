"""Stripe's activity, or a bank statement, as it was read: lines, and a digest by which the same input is known again."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ledger.events import ReconciledSource, SourceKind
from ledger.reconciliation.line import Line
from ledger.reconciliation.scope import Coverage


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
    hashed = hashlib.sha256()
    for line in sorted(map(_normal, lines)):
        hashed.update(line.encode())
    return hashed.hexdigest()


def _normal(line: Line) -> str:
    named = (
        line.id,
        line.category,
        line.source_id or "",
        line.transfer_id or "",
        line.payout_id or "",
        line.account or "",
    )
    money = f"{line.amount_minor} {line.fee_minor} {line.net_minor} {line.currency}"
    return "\x1f".join((*named, money, line.at.isoformat())) + "\n"
