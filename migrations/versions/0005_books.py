"""The journal: lines of balanced entries and their daily sums, as read models.

Revision ID: 0005
Revises: 0004
"""

from migrations.ddl import run_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
