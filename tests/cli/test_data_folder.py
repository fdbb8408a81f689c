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
