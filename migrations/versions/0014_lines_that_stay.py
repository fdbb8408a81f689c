"""The lines of a run of reconciling are what they were when it was stored: nobody changes them, and nobody adds one.

Revision ID: 0014
Revises: 0013
"""

from migrations.ddl import run_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
