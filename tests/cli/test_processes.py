"""Child processes under a supervisor: real ones, small."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from api.processes import Part, PartFailed, Supervisor
from tests.cli.command import ROOT, eventually

WAITS_FOR_THE_END = "import sys; print('up', flush=True); sys.stdin.read(); print('in order', flush=True)"
HEEDS_NOTHING = "import time; print('up', flush=True); time.sleep(1000)"
STOPS_BY_SIGNAL = """
import signal, sys, time
from api.processes import stop_at_end_of_input
signal.signal(signal.SIGTERM, lambda *_: sys.exit("in order"))
stop_at_end_of_input()
print("up", flush=True)
time.sleep(1000)
"""


def part(script: str, name: str = "part", stop_seconds: float = 10.0) -> Part:
    return Part(name, [sys.executable, "-c", script], {"PYTHONPATH": str(ROOT)}, stop_seconds)


@pytest.fixture
def restarts() -> list[int]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, restarts: list[int]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, lambda _, status: restarts.append(status))
    yield supervisor
    supervisor.stop()


@pytest.fixture
def said(tmp_path: Path) -> Callable[[], str]:
    log = tmp_path / "part.log"
    return lambda: log.read_text() if log.exists() else ""


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Children that other tests of this session keep."""
    OTHERS.update(psutil.Process().children())
    yield
    OTHERS.clear()


OTHERS: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if each not in OTHERS]


def child() -> psutil.Process:
    (only,) = children()
    return only


def test_a_part_that_is_killed_is_started_again(
    supervisor: Supervisor, restarts: list[int], said: Callable[[], str]
) -> None:
    supervisor.start(part(WAITS_FOR_THE_END))
    eventually(lambda: said() == "up\n")
    child().kill()
    eventually(lambda: said() == "up\nup\n")
    assert restarts == [-9]


@pytest.mark.parametrize("script", [WAITS_FOR_THE_END, STOPS_BY_SIGNAL])
def test_a_part_is_asked_to_stop_by_the_end_of_its_input(
    supervisor: Supervisor, restarts: list[int], said: Callable[[], str], script: str
) -> None:
    supervisor.start(part(script))
    eventually(lambda: said() == "up\n")
    supervisor.stop()
    assert said() == "up\nin order\n"
    assert restarts == []
    assert children() == []


def test_a_part_that_does_not_stop_is_killed(supervisor: Supervisor, said: Callable[[], str]) -> None:
    supervisor.start(part(HEEDS_NOTHING, stop_seconds=0.1))
    eventually(lambda: said() == "up\n")
    supervisor.stop()
    assert children() == []


def test_a_part_that_is_set_up_wrongly_is_not_started_again(supervisor: Supervisor, restarts: list[int]) -> None:
    supervisor.start(part("import sys; print('no key'); sys.exit(2)", "worker"))
    with pytest.raises(PartFailed, match=r"(?s)the worker cannot run.*no key"):
        supervisor.wait_until(lambda: False, "worker", 60)
    assert restarts == []


def test_a_part_that_never_gets_ready_is_given_up(supervisor: Supervisor) -> None:
    supervisor.start(part("raise SystemExit('no luck')"))
    with pytest.raises(PartFailed, match=r"(?s)ended 3 times before it was ready.*no luck"):
        supervisor.wait_until(lambda: False, "part", 60)
