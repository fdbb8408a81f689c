"""Seals are written by a role of their own: the application's rights no longer suffice for it.

Revision ID: 0009
Revises: 0008
"""

from migrations.ddl import run_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
