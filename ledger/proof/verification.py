"""Holds the log against its seals: every row hashed again, against the hashes kept of it and every signed root."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from ledger.proof.findings import FindingKind, Findings
from ledger.proof.guards import missing_guards
from ledger.proof.notes import Checkpoint, PublicKey
from ledger.proof.outside import Outside
from ledger.proof.reconciled import changed_runs
from ledger.proof.rehashing import differences_of_tag_index, extent, pages
from ledger.proof.seal_store import SealStore
from ledger.proof.seals import Seals
from ledger.proof.trusted import TrustedCheckpoints
from ledger.proof.walk import Walk

__all__ = ["Verdict", "verify"]


@dataclass(slots=True)
class Verdict:
    """What a verification came to. `findings` is empty where all is well."""

    findings: Findings = field(default_factory=Findings)
    events: int = 0
    """Rows looked at."""
    sealed: int = 0
    """Positions 1 to this are covered by a checkpoint that we trust …"""
    root: bytes | None = None
    """… and this is its root."""
    checkpoints: int = 0
    unpublished: int = 0
    unsealed: int = 0
    """Events since the last seal."""

    @property
    def holds(self) -> bool:
        return len(self.findings) == 0


def verify(
    database_url: str,
    seals: Seals,
    store: SealStore | None,
    keys: Sequence[PublicKey],
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    processes: int = 1,
    kept: Sequence[Checkpoint] = (),
) -> Verdict:
    """Look at everything. `on_progress` gets how many positions were looked at, and of how many.

    `kept`: checkpoints that somebody kept since they were published, opened with `signed_checkpoint`; today's log has to
    begin with what they cover. Without a store only what the database itself holds is compared. Raises psycopg.Error,
    SealStoreUnavailableError.
    """
    with Outside(store) if store is not None else nullcontext() as outside:
        newest = seals.newest()
        head, first, last = extent(database_url)
        inside_size = newest.size if newest is not None else 0
        claimed = max(head, inside_size, outside.newest_size if outside is not None else 0)
        until = min(last, claimed)
        verdict = Verdict(events=until)
        trusted = TrustedCheckpoints(seals, inside_size, outside, keys, verdict.findings, now, kept)
        walk = Walk(seals, outside, inside_size, iter(trusted), verdict.findings)
        for page in pages(database_url, until, processes):
            walk.take(page)
            on_progress(page.after + len(page.leaves), until)
        walk.end(head, first, last)
        if trusted.count == 0 and last > 1 and seals.newest() is None:  # `migrate` records one, before anything seals
            what = "{at}: no seal covers any of them, neither inside nor outside."
            verdict.findings.add(FindingKind.NOTHING_SEALED, 1, last, what)
        for what in missing_guards(database_url):
            verdict.findings.add(FindingKind.GUARD_MISSING, 0, 0, what)
        for position, is_missing in differences_of_tag_index(database_url):
            what = (
                "{at}: a tag is missing in the index."
                if is_missing
                else "{at}: the index has a tag that is not the event's."
            )
            verdict.findings.add(FindingKind.INDEX_CHANGED, position, position, what)
        for position, what in changed_runs(database_url):
            verdict.findings.add(FindingKind.LINES_CHANGED, position, position, f"{{at}}: {what}")
        verdict.checkpoints, verdict.unpublished = trusted.count, trusted.unpublished
        if walk.newest is not None:
            verdict.sealed, verdict.root = walk.newest.size, walk.newest.root
        verdict.unsealed = max(0, min(head, last) - verdict.sealed)
        return verdict
