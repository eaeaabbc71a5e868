"""Proves before anything runs that a connection works: sign-in, tenant, and each permission that the flows need.

Invariant: it only reads. A permission to write cannot be proven by reading; it is named as unproven unless the access
token itself lists it. A token may list fewer scopes than it has, so absence there proves nothing either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from st_pipelines.systems.http.errors import Forbidden, NotFound, SystemFault
from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE, Entity
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.writeback import WRITE_SCOPES

# Entities beside the reference data, which every flow needs.
NEEDED = {
    "customers": ("customers", "customer_contacts", "locations"),
    "vendors": ("vendors",),
    "invoices": ("invoices",),
    "payments": ("payments",),
    "bills": ("bills", "receipts", "purchase_orders"),
}
_LONG_AGO = "2000-01-01T00:00:00Z"


@dataclass(frozen=True)
class Check:
    """``ok``: None where it could not be proven either way. ``cure``: what a person must do."""

    name: str
    ok: bool | None
    detail: str = ""
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}" + (f". To do: {self.cure}" if self.cure else "")


def checks(client: ServiceTitan, flows: Sequence[str] = tuple(NEEDED), *, write_back: bool = False) -> list[Check]:
    """Everything that was looked at, good or not. Stops at a sign-in that fails: nothing else can be told then."""
    try:
        client.identify()
    except SystemFault as fault:
        return [Check("sign-in", False, fault.what, fault.cure)]
    tenant = str(client.claims().get("tenant", ""))
    made = [Check("sign-in", True), Check("tenant", True if tenant else None, tenant or "the token does not name it")]
    wanted = [*REFERENCE, *(name for flow in flows for name in NEEDED[flow])]
    made += [_readable(client, REFERENCE.get(name) or DAILY[name]) for name in dict.fromkeys(wanted)]
    if write_back:
        listed = client.claims().get("scope", ())
        scopes = listed.split() if isinstance(listed, str) else listed
        for scope in WRITE_SCOPES.values():
            known = scope in scopes
            made.append(Check(scope, True if known else None, "" if known else "cannot be proven without writing"))
    return made


def ping(client: ServiceTitan, flows: Sequence[str] = tuple(NEEDED), *, write_back: bool = False) -> list[Check]:
    """The faults alone; an empty list means that all is well."""
    return [check for check in checks(client, flows, write_back=write_back) if check.ok is False]


def _readable(client: ServiceTitan, entity: Entity) -> Check:
    """One record of the list, and of the feed where there is one."""
    params = [*entity.filters, ("page", "1"), ("pageSize", "1")]
    if entity.windowed:
        params.append(("modifiedOnOrAfter", _LONG_AGO))  # contacts refuse to be listed without a filter
    try:
        client.read(entity.module, entity.path, params, entity=entity.name, reference="ping")
        if entity.feed:
            tomorrow = [("from", "2100-01-01"), ("includeRecentChanges", "true")]
            client.read(entity.module, entity.feed, tomorrow, entity=entity.name, reference="ping")
    except Forbidden as fault:
        cure = (
            f"give the app the scope {entity.scope} in the ServiceTitan developer portal, then have it approved again"
        )
        return Check(entity.scope, False, f"{entity.name} may not be read ({fault.what})", cure)
    except NotFound as fault:
        cure = "check base_url and tenant of the connection"
        return Check(entity.scope, False, f"{entity.name} is not there ({fault.what})", cure)
    except SystemFault as fault:
        return Check(entity.scope, False, f"{entity.name}: {fault.what}", fault.cure)
    return Check(entity.scope, True, entity.name)
