"""Hold what a ledger says after a season against the expectation file of that season."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

TOTALS = ("statuses", "bonuses", "money_minor")


def differences(
    expected: Mapping[str, Any],
    *,
    totals: Mapping[str, Any],
    outcomes: Mapping[str, int] | None = None,
    referrals: Mapping[str, Mapping[str, Any]] | None = None,
    delivery_outcomes: Sequence[Mapping[str, Any]] | None = None,
) -> list[str]:
    """Every way in which a result differs from the expectation, one readable line each; empty when they agree.

    ``expected`` is an expectation file, decoded. ``totals`` is what ``/finance/totals`` answers. ``outcomes`` are
    deliveries counted by ``outcome`` or ``outcome:reason``. ``referrals`` have, by referred instructor, ``referrer``,
    ``status``, ``tier``, ``amount_minor``. ``delivery_outcomes`` have ``id``, ``outcome``, ``reason``, in
    the order sent. A count that is absent is zero; what is not given is not compared.
    """
    found = [line for part in TOTALS for line in _counts(part, expected[part], totals.get(part, {}))]
    if totals.get("currency") != expected["currency"]:
        found.append(_line("currency", expected["currency"], totals.get("currency")))
    if outcomes is not None:
        found += _counts("outcomes", expected["outcomes"], outcomes)
        found += _counts("deliveries", {"": expected["deliveries"]}, {"": sum(outcomes.values())})
    if referrals is not None:
        found += _referrals(expected["referrals"], referrals)
    if delivery_outcomes is not None:
        found += _deliveries(expected["delivery_outcomes"], delivery_outcomes)
    return found


def _counts(part: str, expected: Mapping[str, int], actual: Mapping[str, int]) -> Iterator[str]:
    for key in sorted(expected.keys() | actual.keys()):
        if expected.get(key, 0) != actual.get(key, 0):
            yield _line(f"{part} {key}".rstrip(), expected.get(key, 0), actual.get(key, 0))


def _referrals(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(expected.keys() | actual.keys()):
        if name not in expected:
            yield f"referral of {name}: not expected"
        elif name not in actual:
            yield f"referral of {name}: missing"
        else:
            for field, value in expected[name].items():
                if actual[name].get(field) != value:
                    yield _line(f"referral of {name}, {field}", value, actual[name].get(field))


def _deliveries(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, (want, got) in enumerate(zip_longest(expected, actual), start=1):
        if want is None or got is None:
            yield f"deliveries: expected {len(expected)}, got {len(actual)} outcomes"
            return
        fields = ("id", "outcome", "reason")
        if any(want[field] != got.get(field) for field in fields):
            yield _line(f"delivery {number}", *(" ".join(str(side.get(f)) for f in fields) for side in (want, got)))


def _line(what: str, expected: object, actual: object) -> str:
    return f"{what}: expected {expected}, got {actual}"
