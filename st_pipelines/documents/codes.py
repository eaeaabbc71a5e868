"""Codes that two systems keep lists of: cost centers, GL accounts, payment terms. Invariant: a code is known by the
code itself, to the letter; it is retired, never deleted.

``CodeRecord`` is what a system shows of one; ``Code`` is what the other one should hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

# What of a code has an owner of its own, where two systems keep it.
FIELDS = ("name", "active")
# How a list of codes is called in integration.yaml -> the kind of its documents.
KINDS = {
    "legal_entities": "legal_entity",
    "payment_terms": "payment_term",
    "cost_centers": "cost_center",
    "gl_accounts": "gl_account",
}


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="code"):
    """``details``: what else of it the target takes. ``begins_from``: the target's id of a record that is there
    already; it is changed, never made again. ``replaces``: the version of that record that this one takes the place
    of."""

    doc_key: str
    code: str
    name: str
    is_active: bool = True
    details: dict[str, str] = {}
    begins_from: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """``target_id``: how the ledger knows the record there; ``version``: another one after each write.

    ``from_here``: it carries the mark of the other system, which it came from or was matched with. ``shows_state``:
    that system can say that a code is retired."""

    system: str
    kind: str
    code: str
    name: str
    is_active: bool
    target_id: str
    version: str
    from_here: bool = False
    shows_state: bool = True
    details: Mapping[str, str] = field(default_factory=dict)
