"""Which entry each money event posts: the table of docs/books.md, line by line, and what holds whatever happens."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.books.accounts import Account
from ledger.books.posting import Entry, Line, UnbalancedEntryError, entry, in_flight_minor, open_claim_minor
from ledger.events import (
    BonusEarned,
    Event,
    FailureKind,
    PayoutCancelled,
    ReversalFailed,
    ReversalRequested,
    TransferReversed,
    TransferSettled,
)
from ledger.payouts import payout_fold as payouts
from ledger.payouts.payout import Payout
from tests.payouts.story import (
    BONUS,
    Story,
    account,
    asked,
    authorized,
    came_back,
    cancelled,
    confirmed,
    failed,
    granted,
    held,
    noticed,
    refused,
    released,
    requested,
    reversal,
    reversal_failed,
    searched,
    settled,
    unknown,
    verified,
)

GIVEN_UP = (requested(), unknown(), searched(), searched(), searched(), authorized("unknown"))
PAID = (requested(), settled())

EXPENSE, PAYABLE = "bonus_expense", "bonuses_payable"
IN_FLIGHT, STRIPE, CLAWBACKS = "transfers_in_flight", "stripe_balance", "clawbacks_receivable"


def posted_by(story: Iterable[Event]) -> dict[str, int]:
    """What the last event of a story posts: amounts by account, debits positive."""
    *before, last = story
    told = Story.of(before) if before or last is not BONUS else None
    payout = told.payout if told else None
    told = told or Story()
    if last is not BONUS:
        told.happened(last)
    posted = entry(payout, told.log[-1])
    return {} if posted is None else {str(line.account): line.amount_minor for line in posted.lines}


@pytest.mark.parametrize(
    ("story", "posted"),
    [
        pytest.param([BONUS], {EXPENSE: 7500, PAYABLE: -7500}, id="a bonus is earned"),
        pytest.param([requested()], {IN_FLIGHT: 7500, STRIPE: -7500}, id="a transfer is requested"),
        pytest.param([requested(), settled()], {PAYABLE: 7500, IN_FLIGHT: -7500}, id="it settles"),
        pytest.param(
            [requested(), unknown(), settled()],
            {PAYABLE: 7500, IN_FLIGHT: -7500},
            id="it settles after an unknown outcome",
        ),
        pytest.param([*GIVEN_UP, settled()], {PAYABLE: 7500, STRIPE: -7500}, id="it settles after it was given up"),
        pytest.param(
            [*GIVEN_UP, requested(2), settled(2)],
            {PAYABLE: 7500, IN_FLIGHT: -7500},
            id="the attempt after one that was given up settles",
        ),
        pytest.param([requested(), failed(FailureKind.ACCOUNT)], {STRIPE: 7500, IN_FLIGHT: -7500}, id="it is declined"),
        pytest.param([*GIVEN_UP, failed(FailureKind.ACCOUNT)], {}, id="what was given up is declined after all"),
        pytest.param(list(GIVEN_UP), {STRIPE: 7500, IN_FLIGHT: -7500}, id="two persons give an attempt up"),
        pytest.param([requested(), unknown()], {}, id="its outcome is unknown: it stays in flight"),
        pytest.param(
            [requested(), failed(FailureKind.ACCOUNT), authorized("decline")], {}, id="a retry after a decline"
        ),
        pytest.param([cancelled()], {PAYABLE: 7500, EXPENSE: -7500}, id="it is cancelled"),
        pytest.param(
            [requested(), unknown(), cancelled()],
            {PAYABLE: 7500, EXPENSE: -7500, STRIPE: 7500, IN_FLIGHT: -7500},
            id="it is cancelled while an attempt is in doubt",
        ),
        pytest.param(
            [*GIVEN_UP, cancelled()], {PAYABLE: 7500, EXPENSE: -7500}, id="it is cancelled after it was given up"
        ),
        pytest.param(
            [requested(), unknown(), cancelled(), settled()],
            {PAYABLE: 7500, STRIPE: -7500},
            id="it settles after all: paid and not owed",
        ),
        pytest.param([*PAID, reversal()], {CLAWBACKS: 7500, PAYABLE: -7500}, id="a reversal is requested"),
        pytest.param([*PAID, reversal(), came_back(7500)], {STRIPE: 7500, CLAWBACKS: -7500}, id="it comes back"),
        pytest.param(
            [*PAID, reversal(), came_back(2500)], {STRIPE: 2500, CLAWBACKS: -2500}, id="a part of it comes back"
        ),
        pytest.param([*PAID, came_back(2500)], {STRIPE: 2500, PAYABLE: -2500}, id="others reversed a part at Stripe"),
        pytest.param(
            [*PAID, came_back(2500), reversal(amount_minor=5000), came_back(5000, 7500)],
            {STRIPE: 5000, CLAWBACKS: -5000},
            id="the rest comes back, asked for by us",
        ),
        pytest.param(
            [*PAID, reversal(), reversal_failed()], {PAYABLE: 7500, CLAWBACKS: -7500}, id="the reversal is declined"
        ),
        pytest.param(
            [*PAID, reversal(), came_back(2500), reversal_failed()],
            {PAYABLE: 5000, CLAWBACKS: -5000},
            id="the reversal is declined after a part came back",
        ),
    ],
)
def test_each_money_event_posts_its_entry(story: list[Event], posted: dict[str, int]) -> None:
    assert posted_by(story) == posted


STORIES: dict[str, list[Event]] = {
    "BonusEarned": [BONUS],
    "TransferRequested": [requested()],
    "TransferSettled": [*PAID],
    "TransferFailed": [requested(), failed(FailureKind.ACCOUNT)],
    "PayoutRetryAuthorized": [*GIVEN_UP],
    "TransferOutcomeUnknown": [requested(), unknown()],
    "PayoutCancelled": [cancelled()],
    "ReversalRequested": [*PAID, reversal()],
    "TransferReversed": [*PAID, reversal(), came_back(7500)],
    "ReversalFailed": [*PAID, reversal(), reversal_failed()],
}


def test_the_documented_table_is_what_is_posted() -> None:
    text = (Path(__file__).parents[2] / "docs" / "books.md").read_text()
    table = text.partition("## What each event posts")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines() if row.startswith("| `")]
    documented = {event.split("`")[1]: (debit.strip("`"), credit.strip("`")) for event, debit, credit, _ in rows}
    assert documented.keys() == STORIES.keys()
    for event, (debit, credit) in documented.items():
        assert posted_by(STORIES[event]) == ({debit: 7500, credit: -7500} if debit else {}), event


@pytest.mark.parametrize(
    "event",
    [
        account(),
        held(),
        released(),
        asked("cancel"),
        granted("cancel"),
        refused("cancel"),
        verified(),
        noticed(),
        searched(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_moves_no_money_posts_nothing(event: Event) -> None:
    assert posted_by([requested(), event]) == {}


def test_lines_name_the_instructor_where_the_account_is_kept_for_each() -> None:
    posted = entry(Story.of(PAID).payout, Story.of([*PAID, reversal()]).log[-1])
    assert posted is not None
    assert (posted.event_type, posted.payout_id, posted.currency) == ("ReversalRequested", "pay_1", "usd")
    assert {line.instructor_id for line in posted.lines} == {"ins_referrer"}
    earned = entry(None, Story().log[0])
    assert earned is not None
    assert [line.instructor_id for line in earned.lines] == [None, "ins_referrer"]


def test_the_same_bonus_again_posts_nothing() -> None:
    story = Story()
    assert entry(story.payout, story.log[0]) is None


def test_an_entry_that_does_not_sum_to_zero_cannot_be_made() -> None:
    with pytest.raises(UnbalancedEntryError):
        Entry("BonusEarned", "pay_1", "usd", (Line(Account.BONUS_EXPENSE, None, 1),))


MOVES = [
    requested(), settled(), failed(FailureKind.ACCOUNT), unknown(), searched(), authorized("unknown"), authorized("decline"),
    cancelled(), noticed(), confirmed(), held(), released(),
]  # fmt: skip


def possible(payout: Payout, choice: int, amount_minor: int) -> Event | None:
    """An event that can follow: attempts one at a time, no reversal of what is not paid. None: not now."""
    event: Event = [*MOVES, reversal(), reversal_failed(), came_back(1)][choice]
    left = payout.settlement.amount_minor - payout.reversed_minor if payout.settlement else 0
    match type(event).__name__:
        case "TransferRequested":
            return requested(payout.attempt + 1) if in_flight_minor(payout) == 0 and not payout.is_final else None
        case "TransferSettled":
            return event if payout.unresolved is not None and payout.settlement is None else None
        case "TransferFailed" | "TransferOutcomeUnknown" | "TransferNotFound":
            return event if payout.unresolved is not None and not payout.is_final else None
        case "PayoutRetryAuthorized":
            in_doubt = payout.unresolved is not None
            return event if not payout.is_final and event == authorized("unknown" if in_doubt else "decline") else None
        case "PayoutCancelled":
            may_be = not payout.is_final or (payout.owed_minor > 0 and payout.reversal is None)
            return cancelled(payout.owed_minor) if may_be else None
        case "ReversalRequested":
            wanted = payout.phase == "settled" and payout.reversal is None and left
            return reversal(payout.reversals + 1, left) if wanted else None
        case "ReversalFailed":
            return event if payout.reversal is not None else None
        case "TransferReversed":
            amount_minor = min(amount_minor, left)
            return came_back(amount_minor, payout.reversed_minor + amount_minor) if amount_minor else None
    return event


class Formula:
    """Payable per instructor by DESIGN section 11: earned - paid - cancelled + reversed + open claims."""

    def __init__(self) -> None:
        self.owed_minor = self.claim_minor = 0

    def add(self, event: Event) -> None:
        match event:
            case BonusEarned(amount_minor=amount):
                self.owed_minor += amount
            case TransferSettled(amount_minor=amount) | PayoutCancelled(amount_minor=amount):
                self.owed_minor -= amount
            case TransferReversed(amount_minor=amount):
                self.owed_minor += amount
                self.claim_minor -= min(self.claim_minor, amount)
            case ReversalRequested(amount_minor=amount):
                self.claim_minor = amount
            case ReversalFailed():
                self.claim_minor = 0


choices = st.tuples(st.integers(0, len(MOVES) + 2), st.integers(1, 7500))


@settings(max_examples=600)
@given(chosen=st.lists(choices, max_size=40))
def test_whatever_happens_entries_sum_to_zero_and_payable_is_what_is_owed(chosen: list[tuple[int, int]]) -> None:
    story, formula = Story(), Formula()
    payout: Payout | None = None
    balances: Counter[str] = Counter()
    for choice in [None, *chosen]:
        if choice is not None:
            event = possible(story.payout, *choice)
            if event is None:
                continue
            story.later(timedelta(minutes=1))
            story.happened(event)
        recorded = story.log[-1]
        posted = entry(payout, recorded)
        payout = payouts.evolve(payout, recorded)
        formula.add(recorded.event)
        lines = posted.lines if posted is not None else ()
        assert sum(line.amount_minor for line in lines) == 0
        assert len({line.account for line in lines}) == len(lines)
        for line in lines:
            balances[line.account] += line.amount_minor
        assert payout is not None
        assert -balances[PAYABLE] == formula.owed_minor + formula.claim_minor
        assert balances[IN_FLIGHT] == in_flight_minor(payout)
        assert balances[CLAWBACKS] == formula.claim_minor == open_claim_minor(payout)
