"""The short form: each part is killed once in the middle of its work, and the books agree in the end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.cli.command import ROOT, eventually, scratch_folder
from tests.crash.plan import Victim, make_plan

SEED = 45  # Stripe dies first, so that the pauses after it pass while others do
LOAD_SECONDS = 3


def processes_of(folder: Path) -> list[str]:
    """The command lines of everything that runs on this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if str(folder) in line or process.environ().get("TMPDIR") == str(folder):
                found.append(line)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def number(name: str, output: str) -> int:
    found = re.search(rf"^{name} +(\d+)", output, re.MULTILINE)
    assert found, output
    return int(found[1])


@pytest.mark.timeout(300)
def test_nothing_is_paid_twice_or_lost_when_every_part_is_killed_under_load() -> None:
    with scratch_folder() as folder:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "HOME": str(folder), "TMPDIR": str(folder)}
        command = [sys.executable, "-m", "tests.crash", "--seconds", str(LOAD_SECONDS), "--seed", str(SEED)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=280
        )
        assert done.returncode == 0, done.stdout + done.stderr
        eventually(lambda: not processes_of(folder))
        assert list(folder.iterdir()) == []
    assert number("duplicates", done.stdout) == 0
    assert number("lost", done.stdout) == 0
    assert number("transfers", done.stdout) > 0
    killed = next(line for line in done.stdout.splitlines() if line.startswith("kills"))
    assert all(re.search(rf"{victim} [1-9]", killed) for victim in Victim), killed


@pytest.mark.parametrize("seconds", [1, 6, 180])
def test_a_plan_hits_every_kind_of_victim_and_is_the_same_for_the_same_seed(seconds: float) -> None:
    plan = make_plan(7, seconds)
    assert plan == make_plan(7, seconds)
    assert plan != make_plan(8, seconds)
    assert {kill.victim for kill in plan.kills} == set(Victim)
    assert all(0 <= kill.batch < plan.batches for kill in plan.kills)
