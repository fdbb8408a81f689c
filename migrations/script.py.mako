"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision or "nothing"}
"""

from migrations.ddl import run_beside

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_beside(__file__)


def downgrade() -> None:
    raise NotImplementedError("write the revision that undoes it instead")
