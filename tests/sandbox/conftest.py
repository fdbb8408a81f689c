"""Data folders for an embedded server, and clients of it that never outlive their test."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.postgres_processes import Client, assert_stops, scratch_folder


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    """A data folder that does not exist yet."""
    folder = scratch_folder()
    yield folder / "data"
    assert_stops(folder / "data")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    folder = scratch_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(shared_folder: Path) -> Iterator[Path]:
    """A data folder that one test after the other uses; initdb ran for the first of them. Nothing runs on it."""
    yield shared_folder / "data"
    assert_stops(shared_folder / "data")


@pytest.fixture
def start_client() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def start(data_dir: Path, python: str = sys.executable, **popen_options: Any) -> Client:
        clients.append(Client(data_dir, python, **popen_options))
        return clients[-1]

    yield start
    for client in clients:
        client.kill()
