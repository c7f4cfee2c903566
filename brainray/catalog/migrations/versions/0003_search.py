"""Indexes for search and of files: usual sorts and counts read an index and never the models.

An index holds what filters ask of a model beside what it sorts by.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ASKED = ("network", "data_set", "optimizer", "platform", "accuracy", "parameters", "size_bytes")
SORTED = ("accuracy", "parameters", "size_bytes", "created", "name", "version")
WORK = ("optimizer", "platform")


def upgrade() -> None:
    # The first of the new ones begins with it; SQLite would take the short one and read models.
    op.drop_index("ix_pretrained_model_network", "pretrained_model")
    op.create_index("ix_pretrained_model_asked", "pretrained_model", [*ASKED, "created"])
    for column in SORTED:
        rest = [name for name in (*ASKED, "created") if name != column]
        name = f"ix_pretrained_model_by_{column}"
        op.create_index(name, "pretrained_model", [column, "id", *rest])
    # Whoever settles a file asks whether a model claims it.
    op.create_index("ix_pretrained_model_key", "pretrained_model", ["key"])
    rest = [name for name in (*ASKED, "created") if name not in WORK]
    op.create_index("ix_pretrained_model_by_work", "pretrained_model", [*WORK, *rest])
    if op.get_context().dialect.name == "postgresql":
        # It reads an index backward only with the missing values first.
        falling = [sa.text("accuracy DESC NULLS LAST"), sa.text("id DESC")]
        rest = [name for name in (*ASKED, "created") if name != "accuracy"]
        op.create_index(
            "ix_pretrained_model_by_accuracy_falling", "pretrained_model", [*falling, *rest]
        )


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("ix_pretrained_model_by_accuracy_falling", "pretrained_model")
    op.drop_index("ix_pretrained_model_by_work", "pretrained_model")
    op.drop_index("ix_pretrained_model_key", "pretrained_model")
    for column in SORTED:
        op.drop_index(f"ix_pretrained_model_by_{column}", "pretrained_model")
    op.drop_index("ix_pretrained_model_asked", "pretrained_model")
    op.create_index("ix_pretrained_model_network", "pretrained_model", ["network"])
