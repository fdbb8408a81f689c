"""The event log: roles, schemas, tables, the append function, and what forbids change.

Revision ID: 0001
Revises: nothing
"""

from migrations.ddl import run_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the log is never taken down: to begin anew, use another database")
