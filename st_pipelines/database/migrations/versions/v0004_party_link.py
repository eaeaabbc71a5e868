"""Which party of one system is which of another."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_LIVE = (
    ("party_link_one_per_source", ["integration", "kind", "source_id"], "state = 'linked'"),
    ("party_link_one_per_target", ["integration", "kind", "target_id"], "state = 'linked'"),
    ("party_link_one_per_pair", ["integration", "kind", "source_id", "target_id"], "state <> 'ended'"),
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "party_link",
        sa.Column("link_id", key, primary_key=True, autoincrement=True),
        sa.Column("integration", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("target_id", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("how", sa.String(64), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("agreed", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("decided_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('customer', 'vendor')", name="kind_known"),
        sa.CheckConstraint("state IN ('proposed', 'linked', 'separate', 'ended')", name="state_known"),
    )
    for name, columns, where in _LIVE:
        op.create_index(
            name, "party_link", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
