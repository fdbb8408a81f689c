"""Reconciliation: the lines of runs, beside what the log says of them.

Revision ID: 0007
Revises: 0006
"""

from migrations.ddl import run_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
