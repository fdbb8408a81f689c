"""What must be true after the crashes, whatever happened: each violation is one line with its evidence."""

from collections import Counter
from collections.abc import Iterator

from ledger.events import TransferSettled
from tests.crash.evidence import Evidence
from tests.crash.expected import differences, differing_payouts

__all__ = ["duplicates", "lost", "violations"]

SOURCE = "/platform/bookings"


def violations(evidence: Evidence) -> list[str]:
    found = [] if evidence.unrest is None else [f"it never came to rest: {evidence.unrest}"]
    found += duplicates(evidence)
    found += lost(evidence)
    found += _gaps(evidence)
    found += [f"invariant {each.number}: {said}" for each in evidence.checks for said in each.problems]
    found += [f"invariant {each.number} was not checked: {each.compared}" for each in evidence.checks if each.is_open]
    found += [f"the oracle: {said}" for said in differences(evidence)]
    found += [f"{name}'s payout: {' '.join(_story(evidence, payout_id))}" for name, payout_id in _differing(evidence)]
    found += [f"a defect: {said}" for said in evidence.defects]
    return found


def duplicates(evidence: Evidence) -> list[str]:
    """Payouts for which money left more than once."""
    net = {payout: sum(each["net"] > 0 for each in held) for payout, held in evidence.transfers.items()}
    return [f"{payout}: Stripe holds {count} net transfers" for payout, count in net.items() if count > 1]


def lost(evidence: Evidence) -> list[str]:
    """What one side's books have and the other's do not, and what was acknowledged and is not on the log."""
    return [*_books(evidence), *_receipts(evidence)]


def _books(evidence: Evidence) -> Iterator[str]:
    ours = {
        (each.event.payout_id, each.event.transfer_id, each.event.amount_minor, each.event.currency)
        for each in evidence.log
        if isinstance(each.event, TransferSettled)
    }
    theirs = {
        (payout, each["id"], each["net"], each["currency"])
        for payout, held in evidence.transfers.items()
        for each in held
    }
    yield from (f"settled on the log, and not in Stripe's books: {each}" for each in sorted(ours - theirs))
    yield from (f"in Stripe's books, and not settled on the log: {each}" for each in sorted(theirs - ours))


def _receipts(evidence: Evidence) -> Iterator[str]:
    causes = {each.position: each.causation_id for each in evidence.log}
    for receipt in evidence.receipts.answers:
        if receipt.outcome == "recorded":
            found = causes.get(receipt.position or 0)
            if found != f"{SOURCE}#{receipt.id}":
                yield f"{receipt.id} was acknowledged at position {receipt.position}, where the log has {found}"


def _gaps(evidence: Evidence) -> Iterator[str]:
    for expected, each in enumerate(evidence.log, start=1):
        if each.position != expected:
            yield f"the log has position {each.position} where {expected} was due"
            return


def _differing(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for name, payout in differing_payouts(evidence).items():
        yield name, payout.payout_id


def _story(evidence: Evidence, payout_id: str) -> Iterator[str]:
    """What the log tells about one payout."""
    for each in evidence.log:
        if getattr(each.event, "payout_id", None) == payout_id:
            detail = getattr(each.event, "kind", "")
            yield f"{each.recorded_at:%H:%M:%S} {type(each.event).__name__}{f' ({detail})' if detail else ''};"


def attempts(evidence: Evidence) -> Counter[str]:
    """How many events of each type about transfers the log has."""
    names = Counter(type(each.event).__name__ for each in evidence.log)
    return Counter({name: count for name, count in names.items() if name.startswith("Transfer")})
