"""Proves before anything runs that a connection works: sign-in, tenant, and each permission that the flows need.

Invariant: nothing is changed. Permission to read is proven by reading one record, permission to mark documents as
exported by asking to mark none, permission to tell journal entries by telling one that cannot be. Only what the flows
and options need is looked at.
"""

from collections.abc import Callable, Sequence
from functools import partial

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.http.errors import Forbidden, NotFound, Refused, SystemFault
from st_pipelines.systems.servicetitan import journal, journal_sync
from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE, Entity
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.writeback import WRITE_SCOPES, ask_to_mark_nothing

# Entities beside the reference data, which every flow needs.
NEEDED = {
    "customers": ("customers", "customer_contacts", "locations"),
    "vendors": ("vendors",),
    "invoices": ("invoices",),
    "payments": ("payments",),
    "bills": ("bills", "receipts", "purchase_orders"),
}
_LONG_AGO = "2000-01-01T00:00:00Z"


def checks(
    client: ServiceTitan, flows: Sequence[str] = tuple(NEEDED), *, write_back: bool = False,
    with_journal: bool = False, tell_journal: bool = False,
) -> list[Check]:  # fmt: skip
    """Everything that was looked at, good or not. Stops at a sign-in that fails: nothing else can be told then.
    ``write_back``: documents are marked as exported. ``with_journal``: the journal is heard as second witness.
    ``tell_journal``: its entries are told what stands in the books."""
    try:
        client.identify()
    except SystemFault as fault:
        return [Check("sign-in", False, fault.what, fault.cure)]
    tenant = str(client.claims().get("tenant", ""))
    made = [Check("sign-in", True), Check("tenant", True if tenant else None, tenant or "the token does not name it")]
    wanted = [*REFERENCE, *(name for flow in flows for name in NEEDED[flow])]
    made += [_readable(client, REFERENCE.get(name) or DAILY[name]) for name in dict.fromkeys(wanted)]
    if with_journal:
        made.append(_journal(client))
    if write_back:
        for name, scope in WRITE_SCOPES.items():
            if name in flows:
                what = f"{name} may not be marked as exported"
                made.append(_writable(what, scope, partial(ask_to_mark_nothing, client, name)))
    if tell_journal:
        what = "journal entries may not be told what stands in the books"
        made.append(_writable(what, journal_sync.WRITE_SCOPE, partial(journal_sync.ask_to_tell_nothing, client)))
    return made


def ping(
    client: ServiceTitan, flows: Sequence[str] = tuple(NEEDED), *, write_back: bool = False,
    with_journal: bool = False, tell_journal: bool = False,
) -> list[Check]:  # fmt: skip
    """The faults alone; an empty list means that all is well."""
    made = checks(client, flows, write_back=write_back, with_journal=with_journal, tell_journal=tell_journal)
    return [check for check in made if check.ok is False]


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
    except SystemFault as fault:
        return _unreadable(entity.scope, entity.name, fault)
    return Check(entity.scope, True, entity.name)


def _journal(client: ServiceTitan) -> Check:
    try:
        client.read(journal.MODULE, journal.PATH, [("page", "1"), ("pageSize", "1")], entity=journal.ENTITY)
    except (Forbidden, NotFound) as fault:
        detail = f"the second witness is switched on, and the journal may not be read ({fault.what})"
        without = "where the tenant keeps no journal entries, set options.second_witness to none in integration.yaml"
        return Check(journal.SCOPE, False, detail, f"{_grant(journal.SCOPE)}; {without}")
    except SystemFault as fault:
        return _unreadable(journal.SCOPE, journal.ENTITY, fault)
    return Check(journal.SCOPE, True, journal.ENTITY)


def _writable(forbidden: str, scope: str, ask: Callable[[], None]) -> Check:
    try:
        ask()
    except Forbidden as fault:
        without = "or switch the write-back off in integration.yaml"
        return Check(scope, False, f"{forbidden} ({fault.what})", f"{_grant(scope)}, {without}")
    except NotFound as fault:
        return _unreadable(scope, forbidden.partition(" may")[0], fault)
    except Refused:
        return Check(scope, True)  # permission is looked at first: it minds only that there is nothing to write to
    except SystemFault as fault:
        return Check(scope, None, f"not known whether {forbidden}: {fault.what}", fault.cure)
    return Check(scope, True)


def _unreadable(scope: str, name: str, fault: SystemFault) -> Check:
    if isinstance(fault, Forbidden):
        return Check(scope, False, f"{name} may not be read ({fault.what})", _grant(scope))
    if isinstance(fault, NotFound):
        cure = "check base_url and tenant of the connection"
        return Check(scope, False, f"{name} is not there ({fault.what})", cure)
    return Check(scope, False, f"{name}: {fault.what}", fault.cure)


def _grant(scope: str) -> str:
    return f"give the app the scope {scope} in the ServiceTitan developer portal, then have it approved again"
