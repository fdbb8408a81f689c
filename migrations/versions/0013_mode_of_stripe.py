"""A ledger pays in one mode of Stripe's.

Revision ID: 0013
Revises: 0012
"""

from migrations.ddl import run_beside

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
