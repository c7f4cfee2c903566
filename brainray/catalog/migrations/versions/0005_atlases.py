"""Brain atlases: their ROIs, what these do, and how they are related."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "atlas",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("description", sa.String, nullable=False),
    )
    op.create_table(
        "roi",
        sa.Column("atlas", sa.String, sa.ForeignKey("atlas.name"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("label", "hemisphere")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("x", "y", "z")),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("structure", "parent", "network", "source")
        ),
    )
    op.create_table(
        "association",
        sa.Column("atlas", sa.String, primary_key=True),
        sa.Column(
            "function", sa.String, sa.ForeignKey("function.name"), primary_key=True, index=True
        ),
        sa.Column("roi", sa.String, primary_key=True),
        sa.Column("degree", sa.Float, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        _roi("roi", "association"),
    )
    op.create_table(
        "relation",
        *(sa.Column(name, sa.String, primary_key=True) for name in ("atlas", "kind", "a", "b")),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("directed", sa.Boolean, nullable=False),
        sa.Column("length_mm", sa.Float),
        sa.Column("source", sa.String, nullable=False),
        _roi("a", "relation"),
        _roi("b", "relation"),
    )


def _roi(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["atlas", column], ["roi.atlas", "roi.name"], name=op.f(f"fk_{table}_{column}")
    )


def downgrade() -> None:
    for table in ("relation", "association", "roi", "atlas"):
        op.drop_table(table)
