"""The command line on a fresh, migrated database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command, scratch_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def ledger(folder: Path, database_url: str) -> Command:
    return Command(folder, {"DATABASE_URL": database_url})


@pytest.fixture
def bare_ledger(folder: Path) -> Command:
    """Without a database."""
    return Command(folder)
