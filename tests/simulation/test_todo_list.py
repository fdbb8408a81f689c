"""The to-do list in memory is the one in PostgreSQL: whatever happens to both, they hand out the same payouts."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from ledger.event_log import Draft, EventLog
from ledger.events import (
    AccountNoticed,
    ApprovalGranted,
    BonusEarned,
    Event,
    Happened,
    PayoutAccountUpdated,
    PlatformFundsAvailable,
    ReversalFailed,
    ReversalRequested,
    StripeCredentialsAccepted,
    TransferConfirmed,
    TransferNoticed,
    TransferReversed,
    TransferSettled,
)
from ledger.history import about
from ledger.payouts.todo import BATCH_SIZE, Claim, TodoList
from ledger.reasons import Reason
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool
from tests.simulation import todo_list
from tests.simulation.chronicle import BEGINNING, Chronicle
from tests.simulation.storage import SimulatedRecorder, Trouble
from tests.simulation.todo_list import InMemoryTodoList

STEPS = 150
HOUR = timedelta(hours=1)
NAMES = "abcd"
WAITING = (
    Reason.INSUFFICIENT_FUNDS,
    Reason.RETRIES_EXHAUSTED,
    Reason.STRIPE_CREDENTIALS_REJECTED,
    Reason.NO_PAYOUT_ACCOUNT,
)


@pytest.fixture
def stored(database_url: str) -> Iterator[tuple[EventLog, TodoList]]:
    recorder = PostgresRecorder(database_url)
    with open_pool(database_url) as pool:
        yield EventLog(recorder), TodoList(pool)
    recorder.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_lists_hand_out_the_same(
    seed: int, stored: tuple[EventLog, TodoList], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo_list, "BATCH_SIZE", BATCH_SIZE)  # events come here in orders that no payout has
    trouble = Trouble(Random(0), 0.0, Chronicle())
    log = EventLog(SimulatedRecorder(lambda: datetime.now(UTC), trouble, Chronicle()))
    in_memory = InMemoryTodoList(log, lambda: time.time() - BEGINNING.timestamp(), trouble, lambda _moment: None)
    lots = Random(seed)
    claims: list[tuple[Claim, Claim]] = []
    for step in range(STEPS):
        match lots.randrange(6):
            case 0 | 1:
                event = _event(lots, step)
                for each in (log, stored[0]):
                    each.append([Draft(Happened(event, BEGINNING), "test", "test", None)], [about("nothing")], after=0)
            case 2:
                assert in_memory.follow(log) == stored[1].follow(stored[0])
            case 3:
                lease_seconds = lots.choice((0.0, 3600.0))
                claims += _claim(in_memory, stored[1], lease_seconds)
            case 4 if claims:
                _give_back(lots, in_memory, stored[1], *claims.pop(lots.randrange(len(claims))))
            case 5:
                interval = lots.choice((timedelta(0), HOUR))
                assert in_memory.sweep(interval) == stored[1].sweep(interval)
        assert in_memory.is_quiet() == stored[1].is_quiet(), f"seed {seed}, step {step}"


def _event(lots: Random, step: int) -> Event:
    name, other = lots.choice(NAMES), lots.choice(NAMES)
    bonus = BonusEarned(
        referral_id=f"ref_{name}",
        payout_id=f"pay_{name}",
        referred_id=f"ins_by_{name}",
        referrer_id=f"ins_{name}",  # a payout has one, and never another
        tier="standard",
        founding_spot=None,
        founding_cap=0,
        amount_minor=5000,
        currency="usd",
    )
    settled = {"attempt": 1, "transfer_id": "tr_1", "amount_minor": 5000, "currency": "usd", "destination": "acct_ok1"}
    account = f"acct_ok{other}"
    return lots.choice(
        (
            bonus,
            TransferSettled.of(bonus, **settled),
            TransferReversed.of(
                bonus, transfer_id="tr_1", amount_minor=1, total_reversed_minor=lots.choice((1, 5000)), currency="usd"
            ),
            TransferConfirmed.of(bonus, transfer_id="tr_1"),
            ReversalFailed.of(bonus, number=1, stripe_code=None, http_status=400, message=""),
            ReversalRequested.of(
                bonus, number=1, idempotency_key="r", transfer_id="tr_1", amount_minor=1, currency="usd", metadata={}
            ),
            TransferNoticed.of(bonus, stripe_event_id=f"evt_{step}", stripe_event_type="transfer.reversed"),
            ApprovalGranted.of(bonus, number=1, action="reverse", note="so be it"),
            PayoutAccountUpdated(instructor_id=f"ins_{other}", stripe_account_id=account, transfers_active=True),
            AccountNoticed(stripe_account_id=account, stripe_event_id=f"evt_{step}"),
            PlatformFundsAvailable(stripe_event_id=f"evt_{step}"),
            StripeCredentialsAccepted(),
        )
    )


def _claim(in_memory: TodoList, in_postgres: TodoList, lease_seconds: float) -> list[tuple[Claim, Claim]]:
    claims = [
        sorted(each.claim(10, lease_seconds), key=lambda claim: claim.payout_id) for each in (in_memory, in_postgres)
    ]
    assert [claim.payout_id for claim in claims[0]] == [claim.payout_id for claim in claims[1]]
    return list(zip(*claims, strict=True))


def _give_back(lots: Random, in_memory: TodoList, in_postgres: TodoList, here: Claim, there: Claim) -> None:
    finished, reason, due_at = lots.random() < 0.3, lots.choice(WAITING), lots.choice((None, None, BEGINNING))
    for todo, claim in ((in_memory, here), (in_postgres, there)):
        if finished:
            todo.finish(claim)
        else:
            todo.put_back(claim, reason, due_at)
