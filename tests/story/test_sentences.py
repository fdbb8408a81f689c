"""Every event can be said in a sentence, whatever its values."""

from typing import Any

import pytest

from ledger.events import (
    EVENT_TYPES,
    Event,
    HoldReason,
    PayoutHeld,
    PeriodClosed,
    TransferOutcomeUnknown,
    UnknownKind,
    books,
    platform,
    referral,
    review,
    transfer,
)
from ledger.major_units import money
from ledger.story.sentences import sentence
from ledger.story.words import ordinal

TOLD_ONE_BY_ONE = (referral, transfer, review, platform, books)


def bare(kind: type[Event], /, **fields: Any) -> Event:
    """With these fields only."""
    return kind.model_construct(**fields)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_every_type_of_event_has_a_sentence(kind: type[Event]) -> None:
    """Those about referrals, payouts, months and the platform one of their own; the others describe themselves."""
    has_its_own = sentence.dispatch(kind) is not sentence.dispatch(Event)
    if any(vars(module).get(kind.__name__) is kind for module in TOLD_ONE_BY_ONE):
        assert has_its_own
    elif not has_its_own:
        said = sentence(bare(kind))
        assert said.endswith(".")
        assert "\n" not in said


def test_a_closed_month_is_told_without_digest_and_seal() -> None:
    closed = bare(PeriodClosed, month="2026-03", entries=1, cut_off_position=9, digest="f" * 64, seal="signed")
    assert sentence(closed) == "The books of 2026-03 were closed with 1 entry, as of position 9."


@pytest.mark.parametrize("kind", UnknownKind)
def test_every_unknown_outcome_has_words(kind: UnknownKind) -> None:
    assert "is not known: " in sentence(bare(TransferOutcomeUnknown, attempt=1, kind=kind, detail=""))


@pytest.mark.parametrize("reason", HoldReason)
def test_every_hold_has_words(reason: HoldReason) -> None:
    assert "was held by" in sentence(bare(PayoutHeld, reason=reason, note="n"))


@pytest.mark.parametrize(
    ("number", "written"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
                            (21, "21st"), (37, "37th"), (100, "100th"), (111, "111th"), (122, "122nd")],
)  # fmt: skip
def test_ordinals(number: int, written: str) -> None:
    assert ordinal(number) == written


def test_money_is_written_in_its_own_unit() -> None:
    assert [money(153500000, "usd"), money(-5, "usd"), money(1200, "jpy"), money(1234567, "kwd"), money(0, "eur")] == [
        "1,535,000.00 USD", "-0.05 USD", "1,200 JPY", "1,234.567 KWD", "0.00 EUR",
    ]  # fmt: skip
