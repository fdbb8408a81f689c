"""PostgreSQL's own load generator, written in C, as a contender: one row in one prepared statement and commit each."""

import re
import subprocess
from pathlib import Path
from shutil import which
from tempfile import NamedTemporaryFile

from benchmarks.contenders import Contender
from benchmarks.declaration import NotRun
from sandbox.postgres.binaries import find_binaries
from sandbox.postgres.errors import EmbeddedPostgresError

__all__ = ["PgBench"]

MAJOR = 18
THREADS = 2
SCRIPT = """
INSERT INTO plain.event (event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor)
VALUES (gen_random_uuid(), 'TransferSettled', 1, '{}', '{"amount_minor": 7500}', now(), now(), 'system');
"""


class PgBench(Contender):
    """Counts only the rate. Raises NotRun where there is no pgbench."""

    def __init__(self, name: str, database_url: str, clients: int) -> None:
        super().__init__(name, [])
        self._database_url = database_url
        self._clients = clients
        self._binary = _binary()

    def run(self, seconds: float) -> None:
        """At least one second, since it counts whole ones; longer where all of that went into connecting."""
        with NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(SCRIPT)
            script.flush()
            whole_seconds = max(1, round(seconds))
            while (rate := self._rate(script.name, whole_seconds)) is None:
                whole_seconds *= 2
        self.rates.append(rate)

    def _rate(self, script: str, seconds: int) -> float | None:
        command = [str(self._binary), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
        command += [f"--client={self._clients}", f"--jobs={min(THREADS, self._clients)}"]
        command += [f"--time={seconds}", self._database_url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        return None if found is None else float(found[1])


def _binary() -> Path:
    """The embedded server's, else the one on the PATH."""
    try:
        beside_the_server = find_binaries(MAJOR, None) / "pgbench"
    except EmbeddedPostgresError:
        beside_the_server = Path("pgbench")
    if beside_the_server.exists():
        return beside_the_server
    on_the_path = which("pgbench")
    if on_the_path is None:
        raise NotRun("there is no pgbench, neither beside the server nor on the PATH")
    return Path(on_the_path)
