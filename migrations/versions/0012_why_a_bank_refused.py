"""Instructors are told in words of ours why their bank refused a payment.

Revision ID: 0012
Revises: 0011
"""

from migrations.ddl import run_beside

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
