"""Tables of the ledger and of what stands beside it. Invariant: the migrations create exactly these tables.

Times are integers: microseconds since 1970 UTC by the database's clock. Amounts are whole minor units.
Legal moves, fences and uniqueness are enforced by the database: see ``guards.py``.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

metadata = MetaData()

# SQLite gives an automatic key only to the exact type INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")

STATES = ("planned", "sending", "unknown", "posted", "rejected", "held", "superseded")
OPS = ("create", "update", "void", "delete")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


# ------------------------------------------------------------------------------------------------- the ledger
document_version = Table(
    "document_version", metadata,
    Column("version_id", Key, primary_key=True, autoincrement=True),
    Column("integration", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("doc_key", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("content_sha256", String(64), nullable=False),   # of the mapped document
    Column("source_sha256", String(64), nullable=False),    # of the source fields that matter to the books
    Column("mapping_version", String(64), nullable=False),
    Column("disposition", String(32), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("company", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("business_date", String(10), nullable=False),
    Column("partition_key", String(32), nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("document", LargeBinary, nullable=False),         # canonical JSON of the MappedDocument
    Column("is_latest", Integer, nullable=False),            # 1 for the newest version of a key
    Column("run_id", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("integration", "doc_key", "version", name="document_version_once"),
    _one_of("disposition", ("ready", "held", "nothing_to_post", "not_eligible", "void")),
)  # fmt: skip
Index("document_version_latest", document_version.c.integration, document_version.c.doc_key, unique=True,
      sqlite_where=text("is_latest = 1"), postgresql_where=text("is_latest = 1"))  # fmt: skip
Index("document_version_day", document_version.c.integration, document_version.c.flow, document_version.c.business_date)

posting = Table(
    "posting", metadata,
    Column("posting_id", Key, primary_key=True, autoincrement=True),
    Column("integration", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("doc_key", String(200), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("op", String(8), nullable=False),
    Column("target", String(64), nullable=False),
    Column("company", String(64), nullable=False),
    Column("external_ref", String(200), nullable=False),
    Column("request_key", String(64), nullable=False),
    Column("version_id", Key, ForeignKey("document_version.version_id"), nullable=False),
    Column("previous_version_id", Key, ForeignKey("document_version.version_id")),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("business_date", String(10), nullable=False),
    Column("partition_key", String(32), nullable=False),
    Column("state", String(12), nullable=False, server_default="planned"),
    Column("body", LargeBinary),                             # frozen at first claim (ADR 0003), then never changed
    Column("body_sha256", String(64)),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("lease_owner", String(128)),
    Column("lease_until", BigInteger),
    Column("sent_at", BigInteger),                           # when the last attempt may have left
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("absences", Integer, nullable=False, server_default="0"),  # agreeing absence proofs while unknown
    Column("read_backs", Integer, nullable=False, server_default="0"),  # questions while unknown, without a result
    Column("read_back_at", BigInteger),                      # when a posted row was compared with the target (M4)
    Column("target_id", String(200)),
    Column("target_number", String(200), nullable=False, server_default=""),
    Column("reason_code", String(64), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("run_id", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("integration", "doc_key", "seq", name="posting_once_per_seq"),
    UniqueConstraint("target", "company", "request_key", name="posting_request_key"),
    _one_of("op", OPS),
    _one_of("state", STATES),
    CheckConstraint("state <> 'posted' OR target_id IS NOT NULL", name="posted_has_target_id"),
    CheckConstraint("(state = 'sending') = (lease_owner IS NOT NULL)", name="sending_has_lease"),
    CheckConstraint("(body IS NULL) = (body_sha256 IS NULL)", name="body_has_digest"),
    CheckConstraint("state <> 'unknown' OR body IS NOT NULL", name="unknown_was_frozen"),
)  # fmt: skip


def _partial(name: str, columns: tuple[str, ...], where: str) -> None:
    Index(name, *(posting.c[column] for column in columns), unique=True,
          sqlite_where=text(where), postgresql_where=text(where))  # fmt: skip


_partial("posting_one_open", ("integration", "doc_key"), "state IN ('sending','unknown')")
_partial("posting_one_create", ("target", "company", "external_ref"),
         "op = 'create' AND state NOT IN ('rejected','superseded')")  # fmt: skip
_partial("posting_target_id", ("target", "company", "kind", "target_id"), "op = 'create' AND state = 'posted'")
# In the order in which rows are claimed, so that a claim reads as many rows as it takes.
Index("posting_queue", posting.c.integration, posting.c.state, posting.c.not_before, posting.c.posting_id)
Index("posting_run", posting.c.integration, posting.c.run_id)
Index("posting_not_read_back", posting.c.integration, posting.c.posting_id,
      sqlite_where=text("state = 'posted' AND read_back_at IS NULL"),
      postgresql_where=text("state = 'posted' AND read_back_at IS NULL"))  # fmt: skip

posting_need = Table(
    "posting_need", metadata,
    Column("posting_id", Key, ForeignKey("posting.posting_id"), primary_key=True),
    Column("needs", String(200), primary_key=True),           # a document key, or a fact
    Column("satisfied_at", BigInteger),
)  # fmt: skip
Index("posting_need_open", posting_need.c.needs, posting_need.c.satisfied_at)

fact = Table(
    "fact", metadata,
    Column("integration", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),             # e.g. ST:1234:receipt_line:77
    Column("is_true", Integer, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("run_id", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)  # fmt: skip

control_line = Table(
    "control_line", metadata,
    Column("posting_id", Key, ForeignKey("posting.posting_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("business_unit", String(64), nullable=False),
    Column("gl_account", String(64), nullable=False),
    Column("cost_center", String(64), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
)  # fmt: skip

# What the source was told about posted documents: one row a posting that its source takes a mark for.
write_back = Table(
    "write_back", metadata,
    Column("write_back_id", Key, primary_key=True, autoincrement=True),
    Column("integration", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("doc_key", String(200), nullable=False),
    Column("posting_id", Key, ForeignKey("posting.posting_id"), nullable=False),
    Column("entity", String(64), nullable=False),             # of the source, e.g. invoices
    Column("external_id", String(200), nullable=False),       # what the books call the document
    Column("state", String(12), nullable=False, server_default="due"),
    Column("reason", Text, nullable=False, server_default=""),  # of a refusal: the source's own words
    Column("attempts", Integer, nullable=False, server_default="0"),  # goes up with each question; also its fence
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("asked_at", BigInteger),
    Column("marked_at", BigInteger),
    Column("run_id", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("integration", "doc_key", "posting_id", name="write_back_once"),
    _one_of("state", ("due", "marked", "refused", "unknown")),
    CheckConstraint("state <> 'marked' OR marked_at IS NOT NULL", name="marked_has_time"),
    CheckConstraint("state = 'due' OR asked_at IS NOT NULL", name="answered_was_asked"),
)  # fmt: skip
Index("write_back_open", write_back.c.integration, write_back.c.flow, write_back.c.state, write_back.c.not_before)

# ------------------------------------------------------------------------------------------- the audit trail
audit_event = Table(
    "audit_event", metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),   # gap-free
    Column("hash", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("event", String(64), nullable=False),
    Column("doc_key", String(200), nullable=False, server_default=""),
    Column("posting_id", BigInteger),
    Column("content", Text, nullable=False),                          # canonical JSON of the rest
)  # fmt: skip
Index("audit_event_document", audit_event.c.doc_key)
Index("audit_event_posting", audit_event.c.posting_id)

# ---------------------------------------------------------------------------------- credentials and limits
connection = Table(
    "connection", metadata,
    Column("name", String(64), primary_key=True),
    Column("system", String(64), nullable=False),
    Column("settings", Text, nullable=False),                         # JSON, nothing secret
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)  # fmt: skip

secret = Table(
    "secret", metadata,
    Column("connection", String(64), ForeignKey("connection.name"), primary_key=True),
    Column("field", String(64), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)  # fmt: skip

token = Table(
    "token", metadata,
    Column("connection", String(64), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)  # fmt: skip

rate_gate = Table(
    "rate_gate", metadata,
    Column("scope", String(200), primary_key=True),
    Column("tat", BigInteger, nullable=False),                        # theoretical arrival time, GCRA (G1)
    Column("blocked_until", BigInteger, nullable=False, server_default="0"),  # a Retry-After, shared (R2)
)  # fmt: skip

# ------------------------------------------------------------------------------------------ parties aligned
LINK_STATES = ("proposed", "linked", "separate", "ended")

party_link = Table(
    "party_link", metadata,
    Column("link_id", Key, primary_key=True, autoincrement=True),
    Column("integration", String(64), nullable=False),        # the book of links; two roads may share one
    Column("kind", String(16), nullable=False),
    Column("source_id", String(200), nullable=False),         # stable references: ST:1234:customer:42
    Column("target_id", String(200), nullable=False),         # QAD:CUST:customer:C0000007
    Column("state", String(12), nullable=False),
    Column("how", String(64), nullable=False),                # rule email | person | created
    Column("score", Integer, nullable=False),                 # thousandths; -1 = none was needed
    Column("evidence", Text, nullable=False),                 # JSON: both records as they were, keys for and against
    Column("agreed", Text, nullable=False, server_default="{}"),  # JSON: field to digest of what both sides had last
    Column("decided_by", String(128), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    _one_of("kind", ("customer", "vendor")),
    _one_of("state", LINK_STATES),
)  # fmt: skip


def _one_live(name: str, columns: tuple[str, ...], where: str) -> None:
    Index(name, *(party_link.c[column] for column in columns), unique=True,
          sqlite_where=text(where), postgresql_where=text(where))  # fmt: skip


_one_live("party_link_one_per_source", ("integration", "kind", "source_id"), "state = 'linked'")
_one_live("party_link_one_per_target", ("integration", "kind", "target_id"), "state = 'linked'")
_one_live("party_link_one_per_pair", ("integration", "kind", "source_id", "target_id"), "state <> 'ended'")

# -------------------------------------------------------------------------------------- extraction and runs
extraction = Table(
    "extraction", metadata,
    Column("integration", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("partition_key", String(32), primary_key=True),
    Column("window_start", String(40), nullable=False),
    Column("window_end", String(40), nullable=False),
    Column("pages", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False),
    Column("max_modified_on", String(40), nullable=False, server_default=""),
    Column("max_id", String(64), nullable=False, server_default=""),
    Column("digest", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("completed_at", BigInteger, nullable=False),
)  # fmt: skip

ledger_identity = Table(
    "ledger_identity", metadata,
    Column("one", Integer, primary_key=True),                         # always 1
    Column("ledger_id", String(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- the inbox
INBOX_STATES = ("pending", "done", "ignored", "unusable")

inbox_event = Table(
    "inbox_event", metadata,
    Column("n", Key, primary_key=True, autoincrement=True),
    Column("connection", String(64), nullable=False),
    Column("event_key", String(300), nullable=False),                 # the event's own id, else sha256:<hex of body>
    Column("received_at", BigInteger, nullable=False),
    Column("event_type", String(200), nullable=False, server_default=""),  # as received; the sender's word, a hint
    Column("body_sha256", String(64), nullable=False),
    Column("state", String(12), nullable=False, server_default="pending"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("handled_at", BigInteger),
    Column("run_id", String(64), nullable=False, server_default=""),
    Column("body", LargeBinary, nullable=False),                      # raw bytes; last, so that the rest reads fast
    UniqueConstraint("connection", "event_key", name="inbox_event_once"),
    _one_of("state", INBOX_STATES),
    CheckConstraint("(state = 'pending') = (handled_at IS NULL)", name="handled_has_time"),
    sqlite_autoincrement=True,  # a number is never used again, also after a purge
)  # fmt: skip
Index("inbox_event_pending", inbox_event.c.connection, inbox_event.c.n,
      sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'"))  # fmt: skip
Index("inbox_event_handled", inbox_event.c.handled_at,
      sqlite_where=text("handled_at IS NOT NULL"), postgresql_where=text("handled_at IS NOT NULL"))  # fmt: skip
