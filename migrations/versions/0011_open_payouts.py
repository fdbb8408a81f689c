"""The sweep looks only at what was open when it last looked, and at what is new.

Revision ID: 0011
Revises: 0010
"""

from migrations.ddl import run_beside

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
