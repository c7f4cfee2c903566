"""Endpoints and the keys of the service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MODEL = "pretrained_model.id"


def upgrade() -> None:
    op.create_table(
        "endpoint",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("model", sa.String, sa.ForeignKey(MODEL), nullable=False, index=True),
        sa.Column("canary", sa.String, sa.ForeignKey(MODEL), index=True),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("previous", sa.String, sa.ForeignKey(MODEL), index=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False, unique=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("api_key")
    op.drop_table("endpoint")
