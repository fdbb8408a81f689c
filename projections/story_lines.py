"""From events to the lines of a story: the sentence, what caused it, why this amount, which request to Stripe it led to."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Self

from ledger.event_log import EventLog
from ledger.events import AboutPayout, Recorded
from ledger.program import TERMS_BOUNDARY
from ledger.story.amounts import why_this_amount
from ledger.story.causes import cause_in_words, caused_by
from ledger.story.sentences import sentence
from ledger.story.stripe_calls import stripe_call
from projections.story_views import StoryLine

__all__ = ["Telling"]


class Telling:
    """`terms`: every `ProgramTermsSet` of the log, in its order."""

    def __init__(self, terms: Sequence[Recorded]) -> None:
        self._terms = terms
        self._positions = [each.position for each in terms]

    @classmethod
    def by(cls, log: EventLog) -> Self:
        return cls(log.read([TERMS_BOUNDARY])[0])

    def lines(self, events: Iterable[Recorded], beside: Iterable[Recorded] = ()) -> tuple[StoryLine, ...]:
        """In the order of the log. Causes and answers are also looked for among the events `beside`."""
        told = {each.position: each for each in events}
        known = {each.position: each for each in (*beside, *told.values())}
        by_id = {each.event_id: each for each in (*self._terms, *known.values())}
        by_payout: dict[str, list[Recorded]] = defaultdict(list)
        for _, each in sorted(known.items()):
            if isinstance(each.event, AboutPayout):
                by_payout[each.event.payout_id].append(each)

        def line(recorded: Recorded) -> StoryLine:
            event = recorded.event
            cause = caused_by(recorded, by_id)
            of_payout = by_payout[event.payout_id] if isinstance(event, AboutPayout) else []
            return StoryLine(
                position=recorded.position,
                event_id=recorded.event_id,
                type=type(event).__name__,
                occurred_at=recorded.occurred_at,
                recorded_at=recorded.recorded_at,
                actor=recorded.actor,
                sentence=sentence(event),
                because=cause_in_words(recorded, cause),
                because_position=cause.position if cause is not None else None,
                why_this_amount=why_this_amount(event, self._in_force(recorded.position)),
                stripe_call=stripe_call(recorded, [each for each in of_payout if each.position > recorded.position]),
            )

        return tuple(line(recorded) for _, recorded in sorted(told.items()))

    def _in_force(self, position: int) -> Recorded | None:
        """The terms that a decision recorded at this position was taken under."""
        place = bisect_left(self._positions, position)
        return self._terms[place - 1] if place else None
