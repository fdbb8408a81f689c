"""Tables that the ledger works with beside the log: the payout to-do list, and the side table of people.

Revision ID: 0002
Revises: 0001
"""

from migrations.ddl import run_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
