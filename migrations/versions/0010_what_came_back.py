"""What came back of a bonus is counted as that, and what was given up of it is known.

Revision ID: 0010
Revises: 0009
"""

from migrations.ddl import run_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
