"""Customers and vendors. Invariant: a party is named by its source id, never by its name."""

import msgspec

# What of a party has an owner of its own, where two systems keep it.
FIELDS = ("name", "address", "email", "phone", "terms", "tax", "active")


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
    ``begins_from``: the target's id of a record that was there before us and is linked to this party; it is changed,
    never made again. ``keeps``: fields (of ``FIELDS``) that the target has the say of; a new record still gets them.
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
    begins_from: str = ""
    keeps: tuple[str, ...] = ()
