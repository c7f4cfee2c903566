"""How the file is read that sees how boxes look at an endpoint that tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tracking_endpoint", sa.Column("appearance", sa.JSON))


def downgrade() -> None:
    # It is no option of a detector, which the revision before takes every file for.
    op.execute("DELETE FROM detector_file WHERE option = 'appearance'")
    with op.batch_alter_table("tracking_endpoint") as table:
        table.drop_column("appearance")
