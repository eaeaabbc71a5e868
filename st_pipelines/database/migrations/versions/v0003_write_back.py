"""What the source was told about posted documents."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "write_back",
        sa.Column("write_back_id", KEY, autoincrement=True, nullable=False),
        sa.Column("integration", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("doc_key", sa.String(length=200), nullable=False),
        sa.Column("posting_id", KEY, nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="due", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("marked_at", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('due', 'marked', 'refused', 'unknown')", name="state_known"),
        sa.CheckConstraint("state <> 'marked' OR marked_at IS NOT NULL", name="marked_has_time"),
        sa.CheckConstraint("state = 'due' OR asked_at IS NOT NULL", name="answered_was_asked"),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["posting.posting_id"],
        ),
        sa.PrimaryKeyConstraint("write_back_id"),
        sa.UniqueConstraint("integration", "doc_key", "posting_id", name="write_back_once"),
    )
    op.create_index("write_back_open", "write_back", ["integration", "flow", "state", "not_before"], unique=False)
