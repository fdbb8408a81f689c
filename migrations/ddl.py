"""Runs the plain SQL that lies beside a revision."""

from pathlib import Path

from alembic import op

__all__ = ["run_beside"]


def run_beside(revision_file: str) -> None:
    """Run the revision's SQL: `NAME.sql` beside `NAME.py`, or the .sql files in the folder `NAME/`, ordered by name.

    The text goes to PostgreSQL as it is, so colons and percent signs mean what they mean there.
    """
    revision = Path(revision_file)
    scripts = sorted([*revision.parent.glob(f"{revision.stem}.sql"), *revision.with_suffix("").glob("*.sql")])
    if not scripts:
        raise FileNotFoundError(f"no SQL beside {revision}")
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("the connection is closed")
    for script in scripts:
        connection.execute(script.read_text())
