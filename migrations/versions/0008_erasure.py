"""Erased persons stay erased: a late repetition of their sign-up brings no name back.

Revision ID: 0008
Revises: 0007
"""

from migrations.ddl import run_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
