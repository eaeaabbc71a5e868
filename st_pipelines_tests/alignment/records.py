"""Party records for tests of alignment."""

from typing import Any

from st_pipelines.documents.parties import Address
from st_pipelines.documents.party_record import PartyRecord

HOME = Address("12 Main Street", "Suite 200", "Austin", "TX", "78701", "USA")
ELSEWHERE = Address("PO Box 77", "", "Austin", "TX", "78767", "USA")


def source(number: int, name: str = "", **changes: Any) -> PartyRecord:
    return _record("servicetitan", f"ST:1:customer:{number}", str(number), name or f"Customer {number}", changes)


def target(number: int, name: str = "", **changes: Any) -> PartyRecord:
    code = f"C{number:07d}"
    return _record("qad", f"QAD:CUST:customer:{code}", f"CUST|{code}", name or f"Kunde {number}", changes)


def _record(system: str, reference: str, identity: str, name: str, changes: dict[str, Any]) -> PartyRecord:
    values: dict[str, Any] = {"address": Address()} | changes
    return PartyRecord(system, "customer", identity, reference, name, **values)
