"""From which score on boxes count at an endpoint that tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tracking_endpoint", sa.Column("min_score", sa.Float))


def downgrade() -> None:
    with op.batch_alter_table("tracking_endpoint") as table:
        table.drop_column("min_score")
