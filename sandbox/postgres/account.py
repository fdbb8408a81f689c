"""The account that the server runs under. PostgreSQL refuses to run as root, so root hands it to ``nobody``."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import pwd

__all__ = ["Account", "server_account"]

_UNPRIVILEGED = "nobody"

# The server and initdb see this and nothing else: no locale, no PG* variable and no secret of the caller's.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """Who owns the cluster and runs the server; `switched` when that is not who we are."""

    name: str
    uid: int
    gid: int
    switched: bool

    def popen_options(self) -> dict[str, Any]:
        """What subprocess needs to run a program as this account in a clean environment."""
        options: dict[str, Any] = {"env": _ENVIRONMENT, "stdin": subprocess.DEVNULL, "umask": 0o077}
        if self.switched:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def make_folder(self, path: Path) -> None:
        """Create `path` (mode 0700) for this account."""
        path.mkdir(mode=0o700)
        if self.switched:
            os.chown(path, self.uid, self.gid)

    def first_closed(self, folders: Sequence[Path]) -> Path | None:
        """The first of `folders` that this account may not enter. Asked of the system: modes alone do not tell."""
        script = 'for folder do [ -x "$folder" ] || { printf %s "$folder"; exit; }; done'
        command = ["/bin/sh", "-c", script, "sh", *map(str, folders)]
        probe = subprocess.run(command, check=True, capture_output=True, **self.popen_options())
        return Path(os.fsdecode(probe.stdout)) if probe.stdout else None

    def can_run(self, program: Path) -> bool:
        """Whether this account reaches `program` and everything it loads."""
        try:
            probe = subprocess.run([program, "-V"], check=False, capture_output=True, **self.popen_options())
        except OSError:
            return False
        return probe.returncode == 0

    def send_signal(self, pid: int, number: int) -> None:
        """Signal `pid` with this account's rights only: the number was read from a file that this account can write."""
        if not self.switched:
            os.kill(pid, number)
            return
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
                os.kill(pid, number)
            finally:
                os._exit(0)
        os.waitpid(child, 0)


def server_account() -> Account:
    """Ourselves, or ``nobody`` when we are root."""
    uid = os.geteuid()
    if uid != 0:
        return Account(str(uid), uid, os.getegid(), switched=False)
    entry = pwd.getpwnam(_UNPRIVILEGED)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=True)
