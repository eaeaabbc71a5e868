"""Customers with their locations, and vendors, made and changed by API. Invariant: required fields as published; what
is not published is ignored without a word, as the real system does; a wrong type is a 400 that names the field.

External data belongs to the application whose GUID came with it, and is shown and found only with that GUID.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.errors import ApiError, not_found
from st_pipelines.sandbox.servicetitan.webhooks import Announce, nobody

T = TypeVar("T")
Record = dict[str, Any]
EXTERNAL = "external_data"  # books entity: one row a record and application
_CREATOR = 40_000_017
_CONTACT = ("id", "type", "value", "memo")
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Place(msgspec.Struct):
    street: str
    city: str
    state: str
    zip: str
    country: str
    unit: str | None = None


class NewContact(msgspec.Struct):
    type: str
    value: str
    memo: str | None = None


class Item(msgspec.Struct):
    key: str
    value: str | None = None


class External(msgspec.Struct):
    applicationGuid: str
    externalData: list[Item]
    patchMode: str | None = None


class NewLocation(msgspec.Struct):
    name: str
    address: Place
    contacts: list[NewContact] | None = None
    customerId: int | None = None


class NewCustomer(msgspec.Struct):
    name: str
    locations: list[NewLocation]
    address: Place
    type: str | None = None
    contacts: list[NewContact] | None = None
    externalData: External | None = None
    taxExempt: bool | None = None
    paymentTermId: int | None = None


class ChangedPlace(msgspec.Struct):
    street: str
    unit: str
    city: str
    state: str
    zip: str
    country: str
    latitude: float
    longitude: float


class CustomerChange(msgspec.Struct, omit_defaults=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    address: ChangedPlace | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET
    taxExempt: bool | msgspec.UnsetType = msgspec.UNSET
    paymentTermId: int | msgspec.UnsetType = msgspec.UNSET
    externalData: External | None = None


class LocationChange(msgspec.Struct, omit_defaults=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET
    taxZoneId: int | msgspec.UnsetType = msgspec.UNSET


class VendorPlace(msgspec.Struct):
    street: str
    unit: str
    city: str
    state: str
    zip: str
    country: str


class NewVendor(msgspec.Struct):
    name: str
    active: bool
    isTruckReplenishment: bool
    taxRate: Decimal
    restrictedMobileCreation: bool
    address: VendorPlace
    firstName: str | None = None
    lastName: str | None = None
    phone: str | None = None
    email: str | None = None
    fax: str | None = None
    memo: str | None = None
    externalData: External | None = None


class VendorChange(msgspec.Struct, omit_defaults=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET
    phone: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType = msgspec.UNSET
    address: VendorPlace | msgspec.UnsetType = msgspec.UNSET
    externalData: External | None = None


class PartyWrites:
    """Handlers of the routes; each write moves ``modifiedOn`` and is announced like any other change."""

    def __init__(self, books: Books, clock: Clock, announce: Announce = nobody) -> None:
        self._books, self._clock, self._announce = books, clock, announce

    async def create_customer(self, request: Request) -> Response:
        given = _body(await request.body(), NewCustomer)
        if not given.locations:
            raise ApiError(400, "One or more validation errors occurred.", {"locations": ["At least one is required."]})
        self._require_term(given.paymentTermId)
        with self._books.transaction():
            now, identity = self._now(), self._next("customers")
            customer = self._put("customers", {
                "id": identity, "active": True, "name": given.name, "type": given.type or "Residential",
                "address": _placed(given.address), "customFields": [], "balance": Decimal("0.00"),
                "taxExempt": bool(given.taxExempt), "tagTypeIds": [], "doNotMail": False, "doNotService": False,
                "nationalAccount": False, "createdOn": now, "createdById": _CREATOR, "modifiedOn": now,
                "mergedToId": None, "paymentTermId": given.paymentTermId, "creditLimit": None,
                "creditLimitBalance": None, "externalData": [],
            }, "created")  # fmt: skip
            contacts = [self._contact(identity, one, now, of_location=False) for one in given.contacts or []]
            self._remember("customers", identity, given.externalData)
            locations = [self._location(identity, one, now) for one in given.locations]
        return _json({**customer, "locations": locations, "contacts": [_shown_contact(one) for one in contacts]})

    async def change_customer(self, request: Request) -> Response:
        given, held = _body(await request.body(), CustomerChange), self._held("customers", request)
        self._require_term(given.paymentTermId if isinstance(given.paymentTermId, int) else None)
        changes = msgspec.to_builtins(msgspec.structs.replace(given, externalData=None))
        if "address" in changes:
            changes["address"] = {**held["address"], **changes["address"], "latitude": None, "longitude": None}
        return _json(self._changed("customers", held, changes, given.externalData))

    async def create_location(self, request: Request) -> Response:
        given = _body(await request.body(), NewLocation)
        if given.customerId is None or self._books.get("customers", str(given.customerId)) is None:
            raise ApiError(400, "One or more validation errors occurred.", {"customerId": ["Unknown customer."]})
        with self._books.transaction():
            return _json(self._location(given.customerId, given, self._now()))

    async def change_location(self, request: Request) -> Response:
        given = _body(await request.body(), LocationChange)
        return _json(self._changed("locations", self._held("locations", request), msgspec.to_builtins(given), None))

    async def create_vendor(self, request: Request) -> Response:
        given = _body(await request.body(), NewVendor)
        with self._books.transaction():
            now, identity = self._now(), self._next("vendors")
            self._put("vendors", {
                "id": identity, "name": given.name, "active": given.active,
                "isTruckReplenishment": given.isTruckReplenishment,
                "isMobileCreationRestricted": given.restrictedMobileCreation, "memo": given.memo or "",
                "deliveryOption": "None", "defaultTaxRate": given.taxRate,
                "contactInfo": {"firstName": given.firstName or "", "lastName": given.lastName or "",
                                "phone": given.phone or "", "email": given.email or "", "fax": given.fax or ""},
                "address": msgspec.to_builtins(given.address), "createdOn": now, "modifiedOn": now,
                "externalData": [], "customFields": None,
            }, "created")  # fmt: skip
            self._remember("vendors", identity, given.externalData)
        return _json({"id": identity})

    async def change_vendor(self, request: Request) -> Response:
        """Flat in the request, nested in the record; the answer is the id alone."""
        given, held = _body(await request.body(), VendorChange), self._held("vendors", request)
        changes = msgspec.to_builtins(msgspec.structs.replace(given, externalData=None))
        contact = {name: changes.pop(name) for name in ("phone", "email") if name in changes}
        if contact:
            changes["contactInfo"] = {**held["contactInfo"], **contact}
        self._changed("vendors", held, changes, given.externalData)
        return _json({"id": held["id"]})

    def _changed(self, entity: str, held: Record, changes: Record, external: External | None) -> Record:
        with self._books.transaction():
            self._remember(entity, held["id"], external)
            changes.pop("externalData", None)
            return self._put(entity, {**held, **changes, "modifiedOn": self._now()}, "updated")

    def _location(self, customer: int, given: NewLocation, now: str) -> Record:
        identity = self._next("locations")
        location = self._put("locations", {
            "id": identity, "customerId": customer, "active": True, "name": given.name,
            "address": _placed(given.address), "customFields": [], "createdOn": now, "createdById": _CREATOR,
            "modifiedOn": now, "mergedToId": None, "zoneId": None, "taxExempt": False, "tagTypeIds": [],
            "externalData": [], "taxZoneId": None,
        }, "created")  # fmt: skip
        contacts = [self._contact(identity, one, now, of_location=True) for one in given.contacts or []]
        return {**location, "contacts": [_shown_contact(one) for one in contacts]}

    def _contact(self, owner: int, given: NewContact, now: str, *, of_location: bool) -> Record:
        if given.type not in ("Phone", "Email", "Fax", "MobilePhone"):
            raise ApiError(
                400, "One or more validation errors occurred.", {"contacts": [f"Unknown type {given.type}."]}
            )
        entity = "location_contacts" if of_location else "customer_contacts"
        digits = "".join(ch for ch in given.value if ch.isdigit()) if given.type != "Email" else ""
        record = {
            "id": self._next(entity), "type": given.type, "value": given.value, "memo": given.memo,
            "phoneSettings": {"phoneNumber": digits, "doNotText": False}, "modifiedOn": now, "createdOn": now,
            "preferences": None, "locationId" if of_location else "customerId": owner, "active": True,
        }  # fmt: skip
        return self._put(entity, record, "created")

    def _remember(self, entity: str, identity: int, given: External | None) -> None:
        if given is None:
            return
        key = f"{entity}/{identity}/{given.applicationGuid.lower()}"
        held = (self._books.get(EXTERNAL, key) or {}).get("data", {}) if given.patchMode == "Merge" else {}
        data = {**held, **{one.key: one.value for one in given.externalData}}
        left = {name: value for name, value in data.items() if value is not None}
        self._books.put(EXTERNAL, key, {"id": key, "entity": entity, "record": identity,
                                        "guid": given.applicationGuid.lower(), "data": left})  # fmt: skip

    def _put(self, entity: str, record: Record, what: str) -> Record:
        stored = self._books.put(entity, str(record["id"]), record)
        self._announce(entity, stored, what)
        return stored

    def _held(self, entity: str, request: Request) -> Record:
        held = self._books.get(entity, str(request.path_params["id"]))
        if held is None:
            raise not_found(f"{entity} {request.path_params['id']}")
        return held

    def _require_term(self, term: int | None) -> None:
        if term is not None and self._books.get("payment_terms", str(term)) is None:
            raise ApiError(400, "One or more validation errors occurred.", {"paymentTermId": [f"{term} is unknown."]})

    def _next(self, entity: str) -> int:
        return 90_000_000 + self._books.next_number(f"party.{entity}")

    def _now(self) -> str:
        return stamps.now_text(self._clock, self._books)


def external_of(books: Books, entity: str, guid: str) -> Callable[[int], Record]:
    """A record's own data of one application."""
    return lambda identity: (books.get(EXTERNAL, f"{entity}/{identity}/{guid.lower()}") or {}).get("data", {})


def _placed(place: Place) -> Record:
    return {**msgspec.to_builtins(place), "latitude": None, "longitude": None}


def _shown_contact(record: Record) -> Record:
    return {name: record[name] for name in _CONTACT if name in record}


def _json(record: Record) -> Response:
    return Response(_encode(record), media_type="application/json")


def _body(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(400, "One or more validation errors occurred.", {"request": [str(error)]}) from None
