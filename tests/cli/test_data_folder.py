"""The data folder: ours to open where the database server runs as somebody else, and only it."""

import os
import stat
import tempfile
from pathlib import Path

from api.data_folder import DataFolder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_closed_folder_is_opened_for_the_servers_account_and_nothing_above_it() -> None:
    with tempfile.TemporaryDirectory() as closed:
        folder = Path(closed) / "data"
        folder.mkdir(mode=0o700)

        DataFolder(folder).create()

        assert mode(folder) == (0o711 if os.geteuid() == 0 else 0o700)
        assert mode(Path(closed)) == 0o700


def test_the_key_for_seals_is_made_once_and_ours_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert folder.seal_key(lambda: "the first") == "the first"
    assert folder.seal_key(lambda: "another") == "the first"
    assert mode(folder.path / "seal-key.txt") == 0o600


def test_each_database_has_its_seals_in_a_place_of_its_own(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.seals("ledger") == folder.ledger.path / "seals" / "ledger"
    demo = folder.new_demo()
    assert folder.seals(demo.database).parent.parent == demo.path
    assert folder.seals("another") != folder.seals("ledger")
