"""Switches of the ServiceTitan sandbox. Invariant: the defaults behave as the published documents say."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Changed at run time with ``POST /_sandbox/settings`` (a JSON object of the fields to change).

    ``page_size_over``: what a page size above the maximum gets, the maximum or a 400 (unknown of the real system).
    ``export_lag_s``: how old a change must be to show in a feed. ``rate_per_s``: calls per application and tenant,
    0 = no limit. ``drift``: every page but the first repeats the row before it, or leaves its own first row out.
    ``list_canceled_bills``: whether the bill list, whose rows have no ``active``, shows canceled bills.
    ``landed_cost_as_integer``: production's deviation from the document (``landedCostMethod`` 0 instead of ``None``).
    ``reexport_succeeds``: what marking something exported again answers.
    """

    tenant: str = "1234567"
    app_key: str = "ak1.sandbox"
    client_id: str = "cid.sandbox"
    client_secret: str = "cs.sandbox"
    token_life_s: int = 900
    token_calls_per_minute: int = 0
    page_size_default: int = 50
    page_size_max: int = 5000
    page_size_over: Literal["clamp", "reject"] = "clamp"
    export_page_size: int = 1000
    export_lag_s: int = 900
    rate_per_s: int = 60
    drift: Literal["", "duplicate", "omit"] = ""
    invoices_default_active_state: Literal["ActiveOnly", "All"] = "ActiveOnly"
    list_canceled_bills: bool = False
    landed_cost_as_integer: bool = False
    reexport_succeeds: bool = True


def changed(settings: Settings, changes: dict[str, object]) -> Settings:
    """A checked copy. ``msgspec.ValidationError`` names the field that is unknown or has the wrong type."""
    return msgspec.convert({**msgspec.to_builtins(settings), **changes}, Settings)
