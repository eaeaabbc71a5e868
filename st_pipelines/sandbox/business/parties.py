"""Customers with locations and contacts, and vendors. Invariant: most of them exist unchanged since before the month.

Ten customers in a hundred are touched inside the month; two in a hundred are duplicates merged into another one:
inactive, with ``merged_to_id``, and never on a document.
"""

from random import Random

import msgspec

from st_pipelines.sandbox.business import names
from st_pipelines.sandbox.business.calendar import DAY, TICKS, Month
from st_pipelines.sandbox.business.company import EXEMPT_ZONE, TERMS, ZONE_OF_ENTITY
from st_pipelines.sandbox.business.model import Contact, Customer, Location, Vendor
from st_pipelines.sandbox.business.numbering import Numbering


class Parties(msgspec.Struct, kw_only=True):
    customers: list[Customer]
    locations: list[Location]
    contacts: list[Contact]
    vendors: list[Vendor]

    def buyers(self, entity: int) -> list[Customer]:
        return [one for one in self.customers if one.entity == entity and one.merged_to_id is None]


def make_parties(rng: Random, number: Numbering, month: Month, customers: int, vendors: int) -> Parties:
    made = Parties(customers=[], locations=[], contacts=[], vendors=[])
    named = {False: 0, True: 0}
    for position in range(customers):
        is_commercial = position % 5 in (1, 3)
        name = names.customer_name(rng, named[is_commercial], is_commercial)
        named[is_commercial] += 1
        _add_customer(rng, number, month, made, position, name, is_commercial)
    _merge_duplicates(rng, number, month, made)
    for position in range(vendors):
        created, modified = _life(rng, month, position)
        name = names.vendor_name(rng, position)
        made.vendors.append(
            Vendor(
                id=number("vendor"),
                name=name,
                first_name=rng.choice(names.FIRST),
                last_name=rng.choice(names.LAST),
                phone=names.phone(rng),
                email=f"orders{position}@vendor.example",
                address=names.address(rng, 1),
                terms=rng.choice(TERMS[1:]).name,
                created=created,
                modified=modified,
            )
        )
    return made


def _add_customer(
    rng: Random, number: Numbering, month: Month, made: Parties, position: int, name: str, is_commercial: bool
) -> None:
    entity = 2 if position % 6 == 5 else 1
    created, modified = _life(rng, month, position)
    customer = Customer(
        id=number("customer"), name=name, is_commercial=is_commercial, address=names.address(rng, entity),
        entity=entity, payment_term_id=rng.choice(TERMS).id if is_commercial else TERMS[0].id,
        tax_exempt=position % 11 == 3, created=created, modified=modified)  # fmt: skip
    made.customers.append(customer)
    for nth in range(1 + (position % 4 == 1)):
        zone = EXEMPT_ZONE if customer.tax_exempt else ZONE_OF_ENTITY[entity]
        where = customer.address if nth == 0 else names.address(rng, entity)
        location = Location(
            id=number("location"), customer_id=customer.id, name=name if nth == 0 else f"{name} – site {nth + 1}",
            address=where, tax_zone_id=zone, created=created, modified=modified)  # fmt: skip
        made.locations.append(location)
        customer.location_ids.append(location.id)
        made.contacts.append(_contact(rng, number, month, position, location.id, True, "Phone", created))
    for kind in ("MobilePhone", "Email") if position % 7 else ("Email",):
        made.contacts.append(_contact(rng, number, month, position, customer.id, False, kind, created))


def _contact(
    rng: Random, number: Numbering, month: Month, position: int, owner: int, of_location: bool, kind: str, created: int
) -> Contact:
    value = f"customer{owner}@mail.example" if kind == "Email" else names.phone(rng)
    # Contacts move without their customer (reference 9.6): one in nine changes inside the month.
    modified = month.at(position % len(month.days), rng.randrange(DAY)) if position % 9 == 4 else created
    return Contact(id=number("contact"), owner_id=owner, of_location=of_location, kind=kind, value=value,
                   memo=rng.choice(("", "", "after 5 pm", "spouse's")), created=created, modified=modified,
                   active=position % 23 != 9)  # fmt: skip


def _life(rng: Random, month: Month, position: int) -> tuple[int, int]:
    """Created and last modified: one in ten inside the month, the rest up to two years before it."""
    if position % 10 == 7:
        created = month.at(rng.randrange(3), rng.randrange(8 * 3600) * TICKS)
        return created, month.at(rng.randrange(3, len(month.days) - 1), rng.randrange(DAY))
    created = month.at(-rng.randrange(60, 700), rng.randrange(DAY))
    return created, created + rng.randrange(1, 50 * DAY)


def _merge_duplicates(rng: Random, number: Numbering, month: Month, made: Parties) -> None:
    for _ in range(1 + len(made.customers) // 50):
        kept = rng.choice([one for one in made.customers if one.merged_to_id is None])
        created = month.at(-rng.randrange(5, 50), rng.randrange(DAY))
        when = month.at(rng.randrange(len(month.days)), rng.randrange(DAY))
        made.customers.append(
            Customer(
                id=number("customer"),
                name=kept.name,
                is_commercial=kept.is_commercial,
                address=kept.address,
                entity=kept.entity,
                payment_term_id=kept.payment_term_id,
                tax_exempt=kept.tax_exempt,
                created=created,
                modified=when,
                active=False,
                merged_to_id=kept.id,
            )
        )
