"""The seals: tiles of the Merkle tree over the log, and signed checkpoints.

Revision ID: 0006
Revises: 0005
"""

from migrations.ddl import run_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("the ledger's schema only moves forward: to begin anew, use another database")
