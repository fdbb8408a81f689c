"""The simulation can fail: every mistake in `mutants` is caught, and without the mistake the same world is fine."""

import pytest

from tests.simulation.__main__ import explanation
from tests.simulation.mutants import MUTANTS
from tests.simulation.simulation import simulate

SEEDS_AT_MOST = 20


@pytest.mark.parametrize("name", MUTANTS)
def test_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    seeds = range(mutant.first_seed, mutant.first_seed + SEEDS_AT_MOST)
    caught = next((seed for seed in seeds if mutant.simulate(seed).violations), None)
    assert caught is not None, f"{name} goes unnoticed in {SEEDS_AT_MOST} worlds"
    sound = simulate(mutant.plan(caught))
    assert not sound.violations, "\n".join(explanation(sound))
