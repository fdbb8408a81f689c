"""The read models: what the log comes to, ready to be queried. All of it can be rebuilt from the log.

Revision ID: 0003
Revises: 0002
"""

from migrations.ddl import run_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
