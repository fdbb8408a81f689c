"""Of many who race for one thing, exactly one gets it: among threads, and among processes."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain

from ledger.store import AppendConflict, PostgresRecorder
from tests.store.happenings import event, positions, tagged, unless

SEATS = 12


def take_every_seat(recorder: PostgresRecorder) -> list[int]:
    """The seats that this racer got."""
    taken = []
    for seat in range(SEATS):
        try:
            recorder.append([event(f"seat:{seat}")], unless(f"seat:{seat}", types=["Happened"]))
        except AppendConflict:
            continue
        taken.append(seat)
    return taken


def take_every_seat_in_a_process(database_url: str, racers: int) -> list[int]:
    with closing(PostgresRecorder(database_url)) as recorder, ThreadPoolExecutor(racers) as threads:
        return list(chain.from_iterable(threads.map(take_every_seat, [recorder] * racers)))


def test_threads_race(recorder: PostgresRecorder, database_url: str) -> None:
    taken = take_every_seat_in_a_process(database_url, racers=12)
    assert Counter(taken) == Counter(range(SEATS))
    assert recorder.head() == SEATS


def test_processes_race(recorder: PostgresRecorder, database_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as processes:
        taken = list(chain.from_iterable(processes.map(partial(take_every_seat_in_a_process, database_url), [3] * 4)))
    assert Counter(taken) == Counter(range(SEATS))
    for seat in range(SEATS):
        assert len(positions(recorder.read(tagged(f"seat:{seat}")))) == 1
