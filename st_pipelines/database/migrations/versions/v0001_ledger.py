"""The ledger and what stands beside it: every table of the first release.

Written once from ``database.schema`` and then frozen: later changes are files of their own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("doc_key", sa.String(length=200), server_default="", nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("audit_event_document", "audit_event", ["doc_key"], unique=False)
    op.create_index("audit_event_posting", "audit_event", ["posting_id"], unique=False)
    op.create_table(
        "connection",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "document_version",
        sa.Column(
            "version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("integration", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("doc_key", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("mapping_version", sa.String(length=64), nullable=False),
        sa.Column("disposition", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.String(length=10), nullable=False),
        sa.Column("partition_key", sa.String(length=32), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("is_latest", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "disposition IN ('ready', 'held', 'nothing_to_post', 'not_eligible', 'void')", name="disposition_known"
        ),
        sa.PrimaryKeyConstraint("version_id"),
        sa.UniqueConstraint("integration", "doc_key", "version", name="document_version_once"),
    )
    op.create_index("document_version_day", "document_version", ["integration", "flow", "business_date"], unique=False)
    op.create_index(
        "document_version_latest",
        "document_version",
        ["integration", "doc_key"],
        unique=True,
        sqlite_where=sa.text("is_latest = 1"),
        postgresql_where=sa.text("is_latest = 1"),
    )
    op.create_table(
        "extraction",
        sa.Column("integration", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("partition_key", sa.String(length=32), nullable=False),
        sa.Column("window_start", sa.String(length=40), nullable=False),
        sa.Column("window_end", sa.String(length=40), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("unreadable", sa.Integer(), nullable=False),
        sa.Column("max_modified_on", sa.String(length=40), server_default="", nullable=False),
        sa.Column("max_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("integration", "entity", "partition_key"),
    )
    op.create_table(
        "fact",
        sa.Column("integration", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("is_true", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("integration", "key"),
    )
    op.create_table(
        "ledger_identity",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "rate_gate",
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("tat", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "token",
        sa.Column("connection", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
    op.create_table(
        "posting",
        sa.Column(
            "posting_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("integration", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("doc_key", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("op", sa.String(length=8), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("external_ref", sa.String(length=200), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("previous_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.String(length=10), nullable=False),
        sa.Column("partition_key", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="planned", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=128), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("absences", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_backs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_back_at", sa.BigInteger(), nullable=True),
        sa.Column("target_id", sa.String(length=200), nullable=True),
        sa.Column("target_number", sa.String(length=200), server_default="", nullable=False),
        sa.Column("reason_code", sa.String(length=64), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(state = 'sending') = (lease_owner IS NOT NULL)", name="sending_has_lease"),
        sa.CheckConstraint("op IN ('create', 'update', 'void', 'delete')", name="op_known"),
        sa.CheckConstraint("state <> 'posted' OR target_id IS NOT NULL", name="posted_has_target_id"),
        sa.CheckConstraint("state <> 'unknown' OR body IS NOT NULL", name="unknown_was_frozen"),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'unknown', 'posted', 'rejected', 'held', 'superseded')", name="state_known"
        ),
        sa.CheckConstraint("(body IS NULL) = (body_sha256 IS NULL)", name="body_has_digest"),
        sa.ForeignKeyConstraint(
            ["previous_version_id"],
            ["document_version.version_id"],
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["document_version.version_id"],
        ),
        sa.PrimaryKeyConstraint("posting_id"),
        sa.UniqueConstraint("integration", "doc_key", "seq", name="posting_once_per_seq"),
        sa.UniqueConstraint("target", "company", "request_key", name="posting_request_key"),
    )
    op.create_index(
        "posting_not_read_back",
        "posting",
        ["integration", "posting_id"],
        unique=False,
        sqlite_where=sa.text("state = 'posted' AND read_back_at IS NULL"),
        postgresql_where=sa.text("state = 'posted' AND read_back_at IS NULL"),
    )
    op.create_index(
        "posting_one_create",
        "posting",
        ["target", "company", "external_ref"],
        unique=True,
        sqlite_where=sa.text("op = 'create' AND state NOT IN ('rejected','superseded')"),
        postgresql_where=sa.text("op = 'create' AND state NOT IN ('rejected','superseded')"),
    )
    op.create_index(
        "posting_one_open",
        "posting",
        ["integration", "doc_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('sending','unknown')"),
        postgresql_where=sa.text("state IN ('sending','unknown')"),
    )
    op.create_index("posting_queue", "posting", ["integration", "state", "not_before", "posting_id"], unique=False)
    op.create_index("posting_run", "posting", ["integration", "run_id"], unique=False)
    op.create_index(
        "posting_target_id",
        "posting",
        ["target", "company", "kind", "target_id"],
        unique=True,
        sqlite_where=sa.text("op = 'create' AND state = 'posted'"),
        postgresql_where=sa.text("op = 'create' AND state = 'posted'"),
    )
    op.create_table(
        "secret",
        sa.Column("connection", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connection.name"],
        ),
        sa.PrimaryKeyConstraint("connection", "field"),
    )
    op.create_table(
        "control_line",
        sa.Column("posting_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("business_unit", sa.String(length=64), nullable=False),
        sa.Column("gl_account", sa.String(length=64), nullable=False),
        sa.Column("cost_center", sa.String(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["posting.posting_id"],
        ),
        sa.PrimaryKeyConstraint("posting_id", "line"),
    )
    op.create_table(
        "posting_need",
        sa.Column("posting_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("needs", sa.String(length=200), nullable=False),
        sa.Column("satisfied_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["posting.posting_id"],
        ),
        sa.PrimaryKeyConstraint("posting_id", "needs"),
    )
    op.create_index("posting_need_open", "posting_need", ["needs", "satisfied_at"], unique=False)
