"""Platforms, optimizers, tasks, evaluations, drafts, scenarios, lineage and the change of regions.

Networks are the place of all that does not differ between their models; so fused models, which
had none, get one each.
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NETWORK = sa.table(
    "network",
    *(sa.column(name) for name in ("name", "kind", "architecture", "category", "modality")),
    *(sa.column(name, sa.JSON) for name in ("preparation", "features", "taps", "metrics")),
)
SUB_REGION_OF_NETWORK = sa.table(
    "network_sub_region",
    *(sa.column(name) for name in ("network", "sub_region", "position")),
)
FUNCTION = sa.table(
    "function",
    *(sa.column(name) for name in ("name", "sub_region", "definition")),
    sa.column("synonyms", sa.JSON),
)
FUNCTION_OF_NETWORK = sa.table(
    "network_function",
    *(sa.column(name) for name in ("network", "function", "position")),
)
MODEL = sa.table(
    "pretrained_model",
    *(
        sa.column(name)
        for name in ("id", "name", "kind", "network", "sub_region", "modality", "data_set")
    ),
    *(sa.column(name) for name in ("optimizer", "platform", "parent", "run_id", "key")),
    sa.column("accuracy", sa.Float),
    *(sa.column(name, sa.JSON) for name in ("preparation", "metrics", "spec")),
    sa.column("created", sa.DateTime(timezone=True)),
)
BACKBONE = sa.table(
    "model_backbone", *(sa.column(name) for name in ("fused", "position", "backbone"))
)
EVALUATION = sa.table(
    "evaluation",
    *(sa.column(name) for name in ("model", "data_set", "split", "metric", "value", "run_id")),
    sa.column("created", sa.DateTime(timezone=True)),
)
PLATFORM = sa.table("platform", sa.column("name"), sa.column("format"))
OPTIMIZER = sa.table("optimizer", sa.column("name"), sa.column("description"))

TASK = "classification"
"""Every network of revision 0001 does this."""


def upgrade() -> None:
    _create_tables()
    _add_columns()
    _fill_dictionaries()
    _fill_networks()
    _fill_models()
    with op.batch_alter_table("pretrained_model") as table:
        table.alter_column("network", existing_type=sa.String(), nullable=False)
        for column, referred in (
            ("parent", "pretrained_model.id"),
            ("optimizer", "optimizer.name"),
            ("platform", "platform.name"),
        ):
            there, _, key = referred.partition(".")
            table.create_foreign_key(op.f(f"fk_pretrained_model_{column}"), there, [column], [key])
        table.create_index(op.f("ix_pretrained_model_parent"), ["parent"])


def downgrade() -> None:
    _empty_what_has_no_place()
    with op.batch_alter_table("run") as table:
        table.drop_constraint(op.f("fk_run_scenario_sha256"), type_="foreignkey")
        table.drop_column("scenario_sha256")
    with op.batch_alter_table("pretrained_model") as table:
        table.drop_index(op.f("ix_pretrained_model_parent"))
        for column in ("parent", "optimizer", "platform"):
            table.drop_constraint(op.f(f"fk_pretrained_model_{column}"), type_="foreignkey")
        table.drop_column("parent")
        table.drop_column("accuracy")
        table.alter_column("network", existing_type=sa.String(), nullable=True)
    for name in (
        "region_change",
        "scenario",
        "draft",
        "evaluation",
        "network_function",
        "optimizer",
        "platform",
    ):
        op.drop_table(name)
    _remove_fused_networks()
    with op.batch_alter_table("network") as table:
        for column in ("kind", "features", "taps", "metrics"):
            table.drop_column(column)
    with op.batch_alter_table("function") as table:
        table.alter_column("sub_region", existing_type=sa.String(), nullable=False)
        table.drop_column("definition")
    for name in ("region", "sub_region"):
        with op.batch_alter_table(name) as table:
            table.drop_column("description")
    with op.batch_alter_table("data_set") as table:
        table.drop_column("sha256")
        table.alter_column("key", existing_type=sa.String(), nullable=False)
    op.execute("ALTER TABLE data_set RENAME COLUMN id TO sha256")


def _create_tables() -> None:
    op.create_table(
        "platform",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform")),
    )
    op.create_table(
        "optimizer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_optimizer")),
    )
    op.create_table(
        "network_function",
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("function", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *_references("network_function", network="network.name", function="function.name"),
        sa.PrimaryKeyConstraint("network", "function", name=op.f("pk_network_function")),
    )
    op.create_index(op.f("ix_network_function_function"), "network_function", ["function"])
    # Rename rather than copy: both databases then rename it in what refers to it.
    op.execute("ALTER TABLE data_set RENAME COLUMN sha256 TO id")
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("data_set", sa.String(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        *_references("evaluation", model="pretrained_model.id", data_set="data_set.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
    )
    op.create_index(op.f("ix_evaluation_model"), "evaluation", ["model"])
    drafted = {
        "network": "network.name",
        "sub_region": "sub_region.name",
        "data_set": "data_set.id",
        "optimizer": "optimizer.name",
        "platform": "platform.name",
    }
    op.create_table(
        "draft",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "name", *drafted)),
        *(
            sa.Column(name, sa.JSON(), nullable=False)
            for name in ("preparation", "metrics", "spec")
        ),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        *_references("draft", **drafted),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    op.create_table(
        "scenario",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_scenario")),
    )
    op.create_index(op.f("ix_scenario_name"), "scenario", ["name"])
    op.create_table(
        "region_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("into", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region_change")),
    )


def _references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [referred], name=op.f(f"fk_{table}_{column}"))
        for column, referred in columns.items()
    ]


def _add_columns() -> None:
    """Add the columns; what must not be null gets the value of rows that know nothing of it."""
    for name in ("region", "sub_region"):
        with op.batch_alter_table(name) as table:
            table.add_column(_filled("description", sa.String(), ""))
    with op.batch_alter_table("function") as table:
        table.add_column(_filled("definition", sa.String(), ""))
        table.alter_column("sub_region", existing_type=sa.String(), nullable=True)
    with op.batch_alter_table("data_set") as table:
        table.add_column(sa.Column("sha256", sa.String(), nullable=True))
        table.alter_column("key", existing_type=sa.String(), nullable=True)
    op.execute("UPDATE data_set SET sha256 = id")
    with op.batch_alter_table("network") as table:
        table.add_column(_filled("kind", sa.String(), "unimodal"))
        table.add_column(_filled("features", sa.JSON(), "{}"))
        table.add_column(_filled("taps", sa.JSON(), "[]"))
        table.add_column(_filled("metrics", sa.JSON(), '["accuracy"]'))
    with op.batch_alter_table("pretrained_model") as table:
        table.add_column(sa.Column("parent", sa.String(), nullable=True))
        table.add_column(sa.Column("accuracy", sa.Float(), nullable=True))
    with op.batch_alter_table("run") as table:
        table.add_column(sa.Column("scenario_sha256", sa.String(), nullable=True))
        table.create_foreign_key(
            op.f("fk_run_scenario_sha256"), "scenario", ["scenario_sha256"], ["sha256"]
        )


def _filled(name: str, kind: sa.types.TypeEngine[Any], value: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text(f"'{value}'"))


def _fill_dictionaries() -> None:
    """Make rows of the platforms and optimizers in use."""
    models = _rows(sa.select(MODEL.c.platform, MODEL.c.optimizer, MODEL.c.key))
    formats = {row["platform"]: row["key"].rpartition(".")[2] for row in models}
    _insert(PLATFORM, [{"name": name, "format": formats[name]} for name in sorted(formats)])
    optimizers = sorted({row["optimizer"] for row in models})
    _insert(OPTIMIZER, [{"name": name, "description": ""} for name in optimizers])


def _fill_networks() -> None:
    """Say what networks do, and give every fused model its network."""
    models = _rows(sa.select(MODEL).order_by(MODEL.c.created, MODEL.c.id))
    homes = {row["id"]: row["sub_region"] for row in models}
    backbones: dict[str, list[str]] = {}
    for part in _rows(sa.select(BACKBONE).order_by(BACKBONE.c.fused, BACKBONE.c.position)):
        backbones.setdefault(part["fused"], []).append(part["backbone"])
    places: dict[str, dict[str, None]] = {}  # of each fused network, in order
    for model in models:
        if model["kind"] != "fused":
            continue
        parts = backbones.get(model["id"], [])
        text = json.dumps([model["spec"].get("wiring"), parts], sort_keys=True)
        name = f"{model['name']}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        if name not in places:
            values = {key: model[key] for key in ("modality", "preparation")}
            values |= {"name": name, "kind": "fused", "architecture": "fusion"}
            values |= {"category": "Fusion", "features": {}, "taps": [], "metrics": ["accuracy"]}
            _insert(NETWORK, [values])
        lives = places.setdefault(name, {})
        lives |= dict.fromkeys([*(homes[part] for part in parts), model["sub_region"]])
        op.get_bind().execute(
            sa.update(MODEL).where(MODEL.c.id == model["id"]).values(network=name)
        )
    _insert(
        SUB_REGION_OF_NETWORK,
        [
            {"network": name, "sub_region": sub_region, "position": position}
            for name, lives in places.items()
            for position, sub_region in enumerate(lives)
        ],
    )
    networks = _rows(sa.select(NETWORK.c.name))
    if networks:
        # It may be a brain function's name in a catalog that was changed by hand.
        if not _rows(sa.select(FUNCTION.c.name).where(FUNCTION.c.name == TASK)):
            values = {"name": TASK, "sub_region": None, "definition": "", "synonyms": []}
            _insert(FUNCTION, [values])
        tasks = [{"network": row["name"], "function": TASK, "position": 0} for row in networks]
        _insert(FUNCTION_OF_NETWORK, tasks)


def _fill_models() -> None:
    """Take parents out of ``spec``, and accuracies out of ``metrics``."""
    models = _rows(sa.select(MODEL))
    known = {model["id"] for model in models}
    for model in models:
        values: dict[str, Any] = {}
        if (parent := model["spec"].get("parent")) in known:
            rest = {key: value for key, value in model["spec"].items() if key != "parent"}
            values = {"parent": parent, "spec": rest}
        reached = {
            split: float(model["metrics"][split])
            for split in ("test", "validation", "train")
            if isinstance(model["metrics"].get(split), int | float)
        }
        accuracy = reached.get("test", reached.get("validation"))
        if accuracy is not None and 0 <= accuracy <= 1:
            values["accuracy"] = accuracy
        if values:
            op.get_bind().execute(
                sa.update(MODEL).where(MODEL.c.id == model["id"]).values(**values)
            )
        common = {"model": model["id"], "metric": "accuracy"}
        common |= {key: model[key] for key in ("data_set", "run_id", "created")}
        _insert(
            EVALUATION,
            [common | {"split": split, "value": value} for split, value in reached.items()],
        )


def _empty_what_has_no_place() -> None:
    """Put back into revision 0001 what it can say, and remove what it cannot."""
    for model in _rows(sa.select(MODEL).where(MODEL.c.parent.is_not(None))):
        op.get_bind().execute(
            sa.update(MODEL)
            .where(MODEL.c.id == model["id"])
            .values(spec=model["spec"] | {"parent": model["parent"]})
        )
    op.execute("DELETE FROM network_function")
    op.execute("DELETE FROM function WHERE sub_region IS NULL")
    op.execute("UPDATE data_set SET key = '' WHERE key IS NULL")


def _remove_fused_networks() -> None:
    fused = "(SELECT name FROM network WHERE kind = 'fused')"
    op.execute(f"UPDATE pretrained_model SET network = NULL WHERE network IN {fused}")
    op.execute(f"DELETE FROM network_sub_region WHERE network IN {fused}")
    op.execute("DELETE FROM network WHERE kind = 'fused'")


def _rows(query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(query).mappings()]


def _insert(table: sa.TableClause, rows: list[dict[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(sa.insert(table), rows)
