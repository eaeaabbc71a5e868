"""Customers and vendors. Invariant: a party is named by its source id, never by its name."""

import msgspec


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="party"):
    """A customer or vendor as the target should hold it. Codes (terms, tax zone, type) are the target's, mapped.

    ``role``: customer or vendor. ``attributes``: per-tenant codes the mapping decided (GL profiles, statuses).
    """

    role: str
    doc_key: str
    name: str
    address: Address
    currency: str
    is_active: bool = True
    email: str = ""
    phone: str = ""
    terms: str = ""
    tax_code: str = ""
    is_taxable: bool = True
    party_type: str = ""
    attributes: dict[str, str] = {}
