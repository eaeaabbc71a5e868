"""The inbox of webhook deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "inbox_event",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            primary_key=True,
            nullable=False,
        ),
        sa.Column("connection", sa.String(length=64), nullable=False),
        sa.Column("event_key", sa.String(length=300), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.String(length=200), server_default="", nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("connection", "event_key", name="inbox_event_once"),
        sa.CheckConstraint("state IN ('pending', 'done', 'ignored', 'unusable')", name="state_known"),
        sa.CheckConstraint("(state = 'pending') = (handled_at IS NULL)", name="handled_has_time"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "inbox_event_pending",
        "inbox_event",
        ["connection", "n"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "inbox_event_handled",
        "inbox_event",
        ["handled_at"],
        sqlite_where=sa.text("handled_at IS NOT NULL"),
        postgresql_where=sa.text("handled_at IS NOT NULL"),
    )
