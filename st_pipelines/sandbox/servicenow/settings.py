"""Switches of the ServiceNow sandbox. Invariant: the defaults behave as the reference says an instance behaves."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Changed at run time with ``POST /_sandbox/settings`` (a JSON object of the fields to change).

    What an instance keeps in its own tables is switched there, by business actions: properties (``sys_properties``),
    rights (``sys_security_acl``), columns (``sys_dictionary``), rate rules (``sys_rate_limit_rules``), the user's zone
    and date format (``sys_user``), installed scopes.

    ``denied_table``: what a table without right answers. ``denied_field``: a hidden field is missing, or empty.
    ``denied_range``: a range condition or an order without the right ``query_range`` is left out, or refused.
    ``currency_reading``: a raw currency field shows its amount in dollars, or ``EUR;12.50``. ``unordered``: rows of a
    query without order come as they were made, or differently for each page. ``case_sensitive``: how text compares.
    ``unique_clash_status``: the answer to a unique index. ``keep_import_rows_s``: age at which import rows are cleaned.
    ``multiple_labels``: ``insertMultiple`` takes column labels (else names), but where ``sys_rest_insert_multiple`` has
    a row of the table. ``multiple_asynchronous``: it answers before the rows are transformed; ``multiple_delay_s``
    later (by the sandbox's clock) they are. ``batch_services``: how many requests of a batch are served before the rest
    is left, 0 = no limit. ``outbound_rows``: approval makes rows in the outbound staging tables. ``rate_window_s``: the
    length of the hour in which calls are counted.
    ``echo``: orders and receipts that were imported go out again (see ``echo``).
    ``push_url``: where a Business Rule tells of approved invoices, signed with ``push_secret`` in ``push_header``.
    ``url_bytes``: the longest path and query that the way to the instance lets through.
    """

    client_id: str = "sn-client"
    client_secret: str = "sn-secret"
    password: str = "sn-password"
    token_life_s: int = 1800
    limit_default: int = 10_000
    denied_table: Literal["403", "empty"] = "403"
    denied_field: Literal["missing", "empty"] = "missing"
    denied_range: Literal["drop", "403"] = "drop"
    currency_reading: Literal["amount", "pair"] = "amount"
    unordered: Literal["as_made", "shuffled"] = "as_made"
    case_sensitive: bool = False
    unique_clash_status: Literal[403, 500] = 403
    keep_import_rows_s: int = 7 * 86_400
    multiple_labels: bool = True
    multiple_asynchronous: bool = True
    multiple_delay_s: int = 0
    batch_services: int = 0
    batch_item_bytes: int = 5_000_000
    batch_answer_bytes: int = 10_000_000
    outbound_rows: bool = True
    rate_window_s: int = 3600
    echo: bool = False
    url_bytes: int = 16_000
    push_url: str = ""
    push_secret: str = ""
    push_header: str = "X-ServiceNow-Signature"


class CurrentSettings:
    """The settings as they are now."""

    def __init__(self, now: Settings) -> None:
        self.now = now


def changed(settings: Settings, changes: dict[str, object]) -> Settings:
    """A checked copy. ``msgspec.ValidationError`` names the field that is unknown or has the wrong type."""
    return msgspec.convert({**msgspec.to_builtins(settings), **changes}, Settings)
