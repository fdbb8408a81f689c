"""What people decide about payouts, and what the bank said: columns and tables of the read models.

Revision ID: 0004
Revises: 0003
"""

from migrations.ddl import run_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
