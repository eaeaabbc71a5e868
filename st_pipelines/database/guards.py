"""Rules that the database itself enforces. Invariant: no code, present or future, can make an illegal move (L8).

``install`` writes the triggers of the dialect; ``migrate.upgrade`` calls it after every migration, so the triggers
always are those of the code that migrated last. Both dialects are generated from the same list of rules.
"""

from sqlalchemy import Connection

LEGAL_MOVES = (
    ("planned", "sending"), ("planned", "superseded"), ("planned", "held"),
    ("sending", "posted"), ("sending", "rejected"), ("sending", "unknown"), ("sending", "planned"),
    ("unknown", "posted"), ("unknown", "rejected"), ("unknown", "planned"), ("unknown", "held"),
    ("held", "planned"), ("held", "posted"), ("held", "rejected"),
    ("held", "superseded"),  # only where nothing was ever sent: see the rule of its own below
)  # fmt: skip

_MOVES = ", ".join(f"'{old}>{new}'" for old, new in LEGAL_MOVES)
_IDENTITY = ("posting_id", "integration", "flow", "kind", "doc_key", "seq", "op", "target", "company", "external_ref",
             "request_key", "version_id", "currency", "amount_minor", "business_date", "created_at")  # fmt: skip
_VERSION = ("version_id", "integration", "flow", "doc_key", "version", "kind", "content_sha256", "source_sha256",
            "mapping_version", "disposition", "reason", "company", "currency", "amount_minor", "business_date",
            "partition_key", "label", "document", "run_id", "recorded_at")  # fmt: skip
_DELIVERY = ("n", "connection", "event_key", "received_at", "event_type", "body_sha256", "body")
_TOLD = ("write_back_id", "integration", "flow", "doc_key", "posting_id", "entity", "external_id", "created_at")


def _changes(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


# (name, table, event, refused when, message). A rule without a condition refuses always.
RULES: tuple[tuple[str, str, str, str, str], ...] = (
    ("posting_starts_unsent", "posting", "INSERT",
     "NEW.state NOT IN ('planned', 'held') OR NEW.attempt <> 0 OR NEW.fence <> 0 OR NEW.body IS NOT NULL",
     "a posting starts planned or held and unsent"),
    ("posting_legal_move", "posting", "UPDATE",
     f"NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ({_MOVES})",
     "illegal transition"),
    ("posting_superseded_unsent", "posting", "UPDATE",
     "OLD.state = 'held' AND NEW.state = 'superseded' AND OLD.attempt > 0",
     "illegal transition: a held posting that may have been sent is settled by a person"),
    ("posting_fence", "posting", "UPDATE",
     "NEW.fence < OLD.fence OR NEW.attempt < OLD.attempt"
     " OR (OLD.state <> 'sending' AND NEW.state = 'sending' AND NEW.fence <> OLD.fence + 1)",
     "a fence never falls, and each claim raises it by one"),
    ("posting_frozen_body", "posting", "UPDATE",
     f"OLD.body_sha256 IS NOT NULL AND ({_changes('body', 'body_sha256')})",
     "a frozen body never changes"),
    ("posting_identity", "posting", "UPDATE", _changes(*_IDENTITY), "what a posting is never changes"),
    ("posting_target_identity", "posting", "UPDATE",
     f"OLD.state = 'posted' AND ({_changes('target_id', 'target_number')})",
     "the answer of the target to a posted document never changes"),
    ("posting_kept", "posting", "DELETE", "", "a posting is never deleted"),
    ("document_version_kept", "document_version", "DELETE", "", "a document version is never deleted"),
    ("document_version_fixed", "document_version", "UPDATE",
     f"{_changes(*_VERSION)} OR NEW.is_latest > OLD.is_latest",
     "a document version never changes"),
    ("control_line_kept", "control_line", "DELETE", "", "control lines are never deleted"),
    ("control_line_fixed", "control_line", "UPDATE", "", "control lines never change"),
    ("write_back_kept", "write_back", "DELETE", "", "what the source was told is never deleted"),
    ("write_back_identity", "write_back", "UPDATE",
     f"{_changes(*_TOLD)} OR NEW.attempts < OLD.attempts",
     "what is told of a posting never changes"),
    ("write_back_answer", "write_back", "UPDATE",
     "NEW.state IN ('marked', 'refused') AND NEW.state <> OLD.state AND OLD.state <> 'unknown'",
     "an answer comes after the question"),
    ("party_link_kept", "party_link", "DELETE", "", "a link of two parties is ended, never deleted"),
    ("party_link_identity", "party_link", "UPDATE",
     _changes("link_id", "integration", "kind", "source_id", "target_id", "created_at"),
     "which two parties a link is about never changes"),
    ("party_link_legal_move", "party_link", "UPDATE",
     "NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN"
     " ('proposed>linked', 'proposed>separate', 'proposed>ended', 'linked>ended', 'separate>ended')",
     "illegal change of a link of two parties"),
    ("audit_event_kept", "audit_event", "DELETE", "", "the audit trail is append-only"),
    ("audit_event_fixed", "audit_event", "UPDATE", "", "the audit trail is append-only"),
    ("audit_event_next", "audit_event", "INSERT",
     "NEW.n <> (SELECT coalesce(max(n), 0) + 1 FROM audit_event)",
     "the audit trail has no gaps"),
    ("inbox_event_starts_untouched", "inbox_event", "INSERT",
     "NEW.state NOT IN ('pending', 'unusable') OR NEW.attempts <> 0 OR NEW.not_before <> 0",
     "a delivery starts pending or unusable, and untried"),
    ("inbox_event_fixed", "inbox_event", "UPDATE", _changes(*_DELIVERY), "a delivery never changes"),
    ("inbox_event_settled", "inbox_event", "UPDATE", "OLD.state <> 'pending' OR NEW.attempts < OLD.attempts",
     "a settled delivery stays settled"),
    ("inbox_event_kept", "inbox_event", "DELETE", "OLD.handled_at IS NULL",
     "a delivery is kept until it was handled"),
)  # fmt: skip


def install(connection: Connection) -> None:
    """Replaces every guard by the present one, inside the caller's transaction."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.exec_driver_sql(_REFUSE)
    for rule in RULES:
        for statement in _postgresql(*rule) if postgresql else _sqlite(*rule):
            connection.exec_driver_sql(statement)
    if postgresql:
        for table in (
            "posting",
            "document_version",
            "control_line",
            "write_back",
            "party_link",
            "audit_event",
            "inbox_event",
        ):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_not_truncated ON {table}")
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
                "EXECUTE FUNCTION ledger_refuse('its rows are never deleted')"  # TRUNCATE fires no row trigger
            )


_REFUSE = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0]; END $$
"""


def _sqlite(name: str, table: str, event: str, refused_when: str, message: str) -> tuple[str, ...]:
    when = f"WHEN {refused_when.replace('IS DISTINCT FROM', 'IS NOT')} " if refused_when else ""
    return (
        f"DROP TRIGGER IF EXISTS {name}",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END",
    )


def _postgresql(name: str, table: str, event: str, refused_when: str, message: str) -> tuple[str, ...]:
    drop = f"DROP TRIGGER IF EXISTS {name} ON {table}"
    if "SELECT" in refused_when:  # a trigger's WHEN takes no query
        body = f"BEGIN IF {refused_when} THEN RAISE EXCEPTION '{message}'; END IF; RETURN NEW; END"
        function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
        return drop, function, f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    when = f"WHEN ({refused_when}) " if refused_when else ""
    return drop, (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
        f"EXECUTE FUNCTION ledger_refuse('{message}')"
    )
