"""Stripe's activity, or a bank statement, as it was read: lines, and a digest by which the same input is known again."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ledger.events import ReconciledSource, SourceKind
from ledger.reconciliation.line import Line


@dataclass(frozen=True)
class Activity:
    """`left_out`: how many lines were in other currencies than the one asked for."""

    kind: SourceKind
    lines: Sequence[Line]
    left_out: int = 0

    @cached_property
    def source(self) -> ReconciledSource:
        return ReconciledSource(
            kind=self.kind, sha256=digest(self.lines), lines=len(self.lines), left_out=self.left_out
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
