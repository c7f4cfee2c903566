"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_set",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("modalities", sa.JSON(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_data_set")),
    )
    op.create_index(op.f("ix_data_set_name"), "data_set", ["name"])
    op.create_table(
        "network",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("preparation", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_network")),
    )
    op.create_table(
        "region",
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_region")),
    )
    op.create_table(
        "sub_region",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["region"], ["region.name"], name=op.f("fk_sub_region_region")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sub_region")),
    )
    op.create_index(op.f("ix_sub_region_region"), "sub_region", ["region"])
    op.create_table(
        "function",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sub_region", sa.String(), nullable=False),
        sa.Column("synonyms", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sub_region"], ["sub_region.name"], name=op.f("fk_function_sub_region")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_function")),
    )
    op.create_index(op.f("ix_function_sub_region"), "function", ["sub_region"])
    op.create_table(
        "network_sub_region",
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("sub_region", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network"], ["network.name"], name=op.f("fk_network_sub_region_network")
        ),
        sa.ForeignKeyConstraint(
            ["sub_region"], ["sub_region.name"], name=op.f("fk_network_sub_region_sub_region")
        ),
        sa.PrimaryKeyConstraint("network", "sub_region", name=op.f("pk_network_sub_region")),
    )
    op.create_index(op.f("ix_network_sub_region_sub_region"), "network_sub_region", ["sub_region"])
    op.create_table(
        "pretrained_model",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=True),
        sa.Column("sub_region", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("data_set", sa.String(), nullable=False),
        sa.Column("optimizer", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("preparation", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_set"], ["data_set.sha256"], name=op.f("fk_pretrained_model_data_set")
        ),
        sa.ForeignKeyConstraint(
            ["network"], ["network.name"], name=op.f("fk_pretrained_model_network")
        ),
        sa.ForeignKeyConstraint(
            ["sub_region"], ["sub_region.name"], name=op.f("fk_pretrained_model_sub_region")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pretrained_model")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_pretrained_model_name")),
        sa.UniqueConstraint("recipe", name=op.f("uq_pretrained_model_recipe")),
    )
    op.create_index(op.f("ix_pretrained_model_data_set"), "pretrained_model", ["data_set"])
    op.create_index(op.f("ix_pretrained_model_kind"), "pretrained_model", ["kind"])
    op.create_index(op.f("ix_pretrained_model_network"), "pretrained_model", ["network"])
    op.create_index(op.f("ix_pretrained_model_run_id"), "pretrained_model", ["run_id"])
    op.create_index(op.f("ix_pretrained_model_sha256"), "pretrained_model", ["sha256"])
    op.create_index(op.f("ix_pretrained_model_sub_region"), "pretrained_model", ["sub_region"])
    op.create_table(
        "model_backbone",
        sa.Column("fused", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("backbone", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backbone"], ["pretrained_model.id"], name=op.f("fk_model_backbone_backbone")
        ),
        sa.ForeignKeyConstraint(
            ["fused"], ["pretrained_model.id"], name=op.f("fk_model_backbone_fused")
        ),
        sa.PrimaryKeyConstraint("fused", "position", name=op.f("pk_model_backbone")),
    )
    op.create_index(op.f("ix_model_backbone_backbone"), "model_backbone", ["backbone"])
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scenario", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["pretrained_model.id"], name=op.f("fk_run_model_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_scenario"), "run", ["scenario"])


def downgrade() -> None:
    op.drop_table("run")
    op.drop_table("model_backbone")
    op.drop_table("pretrained_model")
    op.drop_table("network_sub_region")
    op.drop_table("function")
    op.drop_table("sub_region")
    op.drop_table("region")
    op.drop_table("network")
    op.drop_table("data_set")
