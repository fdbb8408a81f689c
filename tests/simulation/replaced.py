"""What of the code under test is replaced while it is simulated, and nothing else is."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ledger import event_log
from ledger.event_log import recorded
from ledger.events import Recorded
from ledger.payouts import next_step, worker
from ledger.payouts.schedule import LOOKUP_DELAYS_SECONDS
from ledger.store import RecordedEvent, memory
from tests.simulation.plan import HOUR

IDLE_SECONDS = 20.0  # between two looks of a worker that has no free slot


@contextmanager
def under_simulation(seed: int) -> Iterator[None]:
    """Python's own random source, from which the process draws its jitter, follows the seed; and what is done every few seconds
    or minutes for days on end is done less often, so that days pass in milliseconds.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        with replaced(
            {
                (worker, "PROBE_SECONDS"): 2 * HOUR,
                (worker, "WATCH_SECONDS"): 3 * HOUR,
                (worker, "IDLE_SECONDS"): IDLE_SECONDS,
                (next_step, "LOOKUP_DELAYS_SECONDS"): (*LOOKUP_DELAYS_SECONDS, 3600),
                (event_log, "recorded"): _decoding_once(),
                (memory, "copy"): lambda envelope: envelope,  # nobody changes what they read
            }
        ):
            yield
    finally:
        random.setstate(state)


def _decoding_once() -> Callable[[RecordedEvent], Recorded]:
    """A stored event never changes: of one log, each is decoded the first time it is read."""
    decoded: dict[int, Recorded] = {}

    def once(sequenced: RecordedEvent) -> Recorded:
        if sequenced.position not in decoded:
            decoded[sequenced.position] = recorded(sequenced)
        return decoded[sequenced.position]

    return once


@contextmanager
def replaced(values: Mapping[tuple[object, str], object]) -> Iterator[None]:
    """`(owner, name)` has this value inside, and its own again afterwards."""
    before = {(owner, name): vars(owner)[name] for owner, name in values}
    for (owner, name), value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name), value in before.items():
            setattr(owner, name, value)
