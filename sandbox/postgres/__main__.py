"""``python -m sandbox.postgres --data-dir D``: hold the embedded server open by hand, for psql or for a test.

Prints the URL of the database when it is ready, and lets go at the end of its input or at Ctrl-C.
"""

import argparse
import sys
from pathlib import Path

from sandbox.postgres.embedded import EmbeddedPostgres
from sandbox.postgres.errors import EmbeddedPostgresError


def main() -> None:
    """Run one client."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.postgres", description="Hold the embedded server open.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--database", default="ledger")
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--binaries", type=Path, help="folder with initdb and postgres (default: the wheel's)")
    arguments = parser.parse_args()
    try:
        with EmbeddedPostgres(arguments.data_dir, major=arguments.major, binaries=arguments.binaries) as server:
            sys.stdout.write(server.ensure_database(arguments.database) + "\n")
            sys.stdout.flush()
            sys.stdin.read()
    except EmbeddedPostgresError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
