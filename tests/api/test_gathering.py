"""Facts that come one by one, at once: one append for those that waited, and what spoils one spoils no other."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent

from api.http.gathering import Gathering
from ledger.event_log import EventLog
from ledger.events import UnknownEventTypeError
from ledger.ingestion import Ingestion, Receipt
from ledger.lifecycle import InvalidFact, LifecycleFact
from ledger.store import EventEnvelope, InMemoryRecorder, StoreUnavailable
from tests.ingestion.invariants import check_log
from tests.ingestion.names import Names
from tests.rules.vocabulary import completes, goes_live, is_issued, signs_up

WAIT_SECONDS = 30


class SlowRecorder(InMemoryRecorder):
    """Its first append waits until it may go on; the database may be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.is_lost = False

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        self.began.set()
        assert self.may_go_on.wait(WAIT_SECONDS)
        if self.is_lost:
            raise StoreUnavailable("lost")
        self.sizes.append(len(events))
        return super().append(events, condition)


@pytest.fixture
def recorder() -> SlowRecorder:
    return SlowRecorder()


def taken(
    recorder: SlowRecorder, *facts: LifecycleFact | InvalidFact, actors: Sequence[str] = ()
) -> list[Receipt | BaseException]:
    """What becomes of facts that arrive, in this order, while another one is being recorded."""

    async def take_all() -> list[Receipt | BaseException]:
        gathering = Gathering(Ingestion(EventLog(recorder), Names()))
        first = asyncio.create_task(gathering.take(is_issued("ada", "ADA"), "sender"))
        assert await asyncio.to_thread(recorder.began.wait, WAIT_SECONDS)
        senders = actors or ["sender"] * len(facts)
        others = [asyncio.create_task(gathering.take(fact, actor)) for fact, actor in zip(facts, senders, strict=True)]
        await asyncio.sleep(0)  # each of them has its turn
        recorder.may_go_on.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        return results[1:]

    return asyncio.run(take_all())


def outcomes(receipts: Sequence[Receipt | BaseException]) -> list[str]:
    return [each.outcome if isinstance(each, Receipt) else type(each).__name__ for each in receipts]


def test_facts_that_waited_are_decided_one_upon_the_other_and_recorded_together(recorder: SlowRecorder) -> None:
    facts = [
        signs_up("bob", "ADA"),
        goes_live("bob"),
        InvalidFact(id="torn", problem="torn"),
        completes("bob", "first"),
    ]
    receipts = taken(recorder, *facts)
    assert outcomes(receipts) == ["recorded", "recorded", "rejected", "recorded"]
    assert [each.id for each in receipts if isinstance(each, Receipt)] == [fact.id for fact in facts]
    assert recorder.sizes == [1, 5]  # a code and the bonus besides
    check_log(EventLog(recorder).read()[0])


def test_each_sender_is_the_actor_of_its_own(recorder: SlowRecorder) -> None:
    facts = [goes_live("bob"), goes_live("eve"), goes_live("dan")]
    assert outcomes(taken(recorder, *facts, actors=["one", "two", "two"])) == ["recorded"] * 3
    actors = [event.actor for event in EventLog(recorder).read()[0]]
    assert actors == ["sender", "one", "one", "two", "two", "two", "two"]


def test_what_spoils_one_fact_spoils_no_other(recorder: SlowRecorder) -> None:
    newer = EventEnvelope("ReferralAttributed", b"{}", ["instructor:eve"], schema_version=99)
    InMemoryRecorder.append(recorder, [newer])
    receipts = taken(recorder, goes_live("bob"), goes_live("eve"), goes_live("dan"))
    assert outcomes(receipts) == ["recorded", UnknownEventTypeError.__name__, "recorded"]


def test_when_the_database_is_lost_everybody_is_told_at_once(recorder: SlowRecorder) -> None:
    recorder.is_lost = True
    assert outcomes(taken(recorder, goes_live("bob"), goes_live("eve"))) == [StoreUnavailable.__name__] * 2
    assert recorder.sizes == []
