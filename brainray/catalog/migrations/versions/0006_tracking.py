"""Endpoints that track objects, and the files of their detectors."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tracking_endpoint",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("detector", sa.String),
        sa.Column("detector_options", sa.JSON, nullable=False),
        sa.Column("tracker", sa.String, nullable=False),
        sa.Column("tracker_options", sa.JSON, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "detector_file",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column(
            "endpoint",
            sa.String,
            sa.ForeignKey("tracking_endpoint.name"),
            nullable=False,
            index=True,
        ),
        sa.Column("option", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False, index=True),
        sa.Column("sha256", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("detector_file")
    op.drop_table("tracking_endpoint")
