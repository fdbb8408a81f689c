"""The embedded server elsewhere: other versions, accounts, locales and paths, and what it says when it cannot run."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.postgres import (
    BinariesMissing,
    DataFolderUnusable,
    EmbeddedPostgres,
    PlatformUnsupported,
    ServerUnavailable,
    WrongMajorVersion,
)
from sandbox.postgres.account import server_account
from sandbox.postgres.binaries import find_binaries, reachable_binaries
from tests.sandbox.postgres_processes import ROOT, Client, answers, ask, assert_stops, postmaster, scratch_folder

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another account")


def python_for(as_user: dict[str, Any]) -> str:
    """Our own interpreter, or the system's of the same version when ours is closed to that user; skips without one."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            subprocess.run([python, "-c", "import sandbox.postgres, psycopg"], cwd=ROOT, check=True, **as_user)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("this checkout or its environment is closed to ordinary users")


@pytest.mark.parametrize(
    ("major", "binaries"),
    [
        pytest.param(16, None, id="16-from-the-wheel"),
        pytest.param(
            15,
            DEBIAN_15,
            id="15-from-debian",
            marks=pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's PostgreSQL 15 is not installed"),
        ),
    ],
)
def test_other_major_versions_run_too(fresh_dir: Path, major: int, binaries: Path | None) -> None:
    with EmbeddedPostgres(fresh_dir, major=major, binaries=binaries) as server:
        url = server.ensure_database("ledger")
        assert int(ask(url, "SHOW server_version_num")) // 10000 == major
        assert ask(url, "SHOW server_encoding") == "UTF8"


def test_a_broken_locale_and_a_path_too_long_for_a_socket_do_no_harm(
    fresh_dir: Path, start_client: Callable[..., Client]
) -> None:
    long_dir = fresh_dir / ("long" * 25)
    client = start_client(long_dir, env={**os.environ, "LC_ALL": "xx_invalid", "PGDATABASE": "nowhere"})
    assert answers(client.url())
    socket_folder = (long_dir / "run").resolve()
    assert len(str(socket_folder)) < 60
    assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    client.kill()
    assert_stops(long_dir)
    assert not socket_folder.exists()


@as_root
def test_root_hands_the_server_to_an_account_without_privileges(data_dir: Path) -> None:
    before = data_dir.parent.stat()
    with EmbeddedPostgres(data_dir):
        assert set(postmaster(data_dir).uids()) == {server_account().uid}
        assert server_account().uid != 0
    after = data_dir.parent.stat()
    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)


@as_root
def test_an_ordinary_user_runs_the_server_as_themselves(start_client: Callable[..., Client]) -> None:
    user = 1  # any account but root's and the server's
    with tempfile.TemporaryDirectory(prefix="embedded-postgres-") as folder:
        os.chown(folder, user, user)
        environment = {"PATH": os.defpath, "HOME": folder, "PYTHONPATH": os.pathsep.join(sys.path)}
        as_user = {"env": environment, "user": user, "group": user, "extra_groups": []}
        data_dir = Path(folder, "data")
        client = start_client(data_dir, python_for(as_user), **as_user)
        assert answers(client.url())
        assert set(postmaster(data_dir).uids()) == {user}
        client.kill()
        assert_stops(data_dir)


@as_root
def test_programs_that_the_servers_account_cannot_reach_are_copied_once(tmp_path: Path) -> None:
    """As in a virtual environment below root's home; pytest's folders are closed to others in the same way."""
    closed = tmp_path / "site-packages"
    wheel = find_binaries(18).parents[1]
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18")
    if (libraries := Path(f"{wheel}.libs")).exists():
        shutil.copytree(libraries, closed / libraries.name)
    installed = closed / wheel.name / "pginstall18/bin"
    account = server_account()
    assert not account.can_run(installed / "postgres")
    folder = scratch_folder()
    copied = reachable_binaries(installed, account, folder / "binaries")
    assert account.can_run(copied / "postgres")
    assert account.can_run(copied / "initdb")
    made = copied.stat().st_ctime_ns
    assert reachable_binaries(installed, account, folder / "binaries") == copied
    assert copied.stat().st_ctime_ns == made
    shutil.rmtree(folder)


# --- clear errors ----------------------------------------------------------------------------------------------------


def test_a_cluster_of_another_major_version_is_refused_untouched(fresh_dir: Path) -> None:
    cluster = fresh_dir / "cluster"
    cluster.mkdir(parents=True)
    fresh_dir.chmod(0o711)
    (cluster / "PG_VERSION").write_text("16\n")
    os.chown(cluster, server_account().uid, -1)
    with pytest.raises(WrongMajorVersion, match=r"made by PostgreSQL 16, and this is PostgreSQL 18.*LEDGER_DATA_DIR"):
        EmbeddedPostgres(fresh_dir).__enter__()
    assert [path.name for path in fresh_dir.rglob("*")] == ["cluster", "PG_VERSION"]


@as_root
def test_a_folder_that_the_servers_account_may_not_enter_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(DataFolderUnusable, match=r"'nobody', who may not enter .* LEDGER_DATA_DIR"):
        EmbeddedPostgres(tmp_path / "data").__enter__()


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match=r"file/data .* cannot be created"):
        EmbeddedPostgres(tmp_path / "file/data").__enter__()


def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(data_dir: Path) -> None:
    with pytest.raises(ServerUnavailable, match='invalid value for parameter "shared_buffers"'):
        EmbeddedPostgres(data_dir, settings={"shared_buffers": "nonsense"}).__enter__()
    assert_stops(data_dir)


def test_missing_programs_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissing, match="DATABASE_URL"):
        EmbeddedPostgres(tmp_path, binaries=tmp_path).__enter__()
    with pytest.raises(BinariesMissing, match="carries other versions"):
        EmbeddedPostgres(tmp_path, major=9).__enter__()


def test_windows_is_asked_for_a_database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(PlatformUnsupported, match="set DATABASE_URL"):
        EmbeddedPostgres(tmp_path)
