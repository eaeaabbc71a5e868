"""Is this instance ready for the flows? Invariant: every missing thing is named with what the administrator must do;
only reads are made; metadata that may not be read is «unknown», not a fault.

The order: sign-in (nothing else can be told without it), instance, modules, then table by table: there, columns,
external id, choices, ranges; staging tables with their transform maps; roles and zone of the user.
"""

from collections.abc import Iterator, Sequence

from st_pipelines.systems.http.errors import Refused, SignInRefused, SystemFault
from st_pipelines.systems.servicenow import maps_check, user_check
from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.choices import value_of
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID
from st_pipelines.systems.servicenow.probes import Check, look, table_check
from st_pipelines.systems.servicenow.profile import Profile, Table
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import Columns, above, all_of, equals, is_not_empty, one_of
from st_pipelines.systems.servicenow.values import stored

GRANT = "glide.oauth.inbound.client.credential.grant_type.enabled"
POLLED = ("suppliers", "purchase_orders", "purchase_order_lines", "receipts", "cost_centers", "gl_accounts",
          "invoices", "invoice_lines", "outbound_invoices", "outbound_invoice_lines")  # fmt: skip


def faults(client: ServiceNow, profile: Profile) -> list[Check]:
    """Those that are certain; an empty list means that nothing is known to be missing."""
    return [check for check in checks(client, profile) if check.ok is False]


def checks(client: ServiceNow, profile: Profile) -> list[Check]:
    """Everything that was looked at, good or not."""
    signed_in = _sign_in(client)
    if signed_in.ok is not True:
        return [signed_in]
    proof = Proof(client)
    made = [signed_in, _instance(client, profile), *_modules(client, profile)]
    for name, table in profile.tables.items():
        if name in _read_by(profile):
            made += _table(proof, profile, name, table)
    for name, staging in profile.staging.items():
        made += maps_check.staging(proof, profile, name, staging)
    made += user_check.checks(client, profile)
    return made


def _read_by(profile: Profile) -> Sequence[str]:
    """Tables of the road that is not taken are not asked for."""
    other = "outbound_" if profile.invoices.road == "primary" else "invoice"
    return [name for name in profile.tables if not name.startswith(other)]


def _sign_in(client: ServiceNow) -> Check:
    try:
        client.read("/api/now/table/sys_user", [("sysparm_limit", "1"), ("sysparm_fields", "sys_id")], entity="sign-in")
    except SignInRefused as fault:
        return Check("sign-in", False, fault.what, f"set the system property {GRANT} to true, give the OAuth record "
                     "an application user, and check client id and secret of the connection")  # fmt: skip
    except Refused:
        return Check("sign-in", True, "the token is taken")
    except SystemFault as fault:
        return Check("sign-in", False, fault.what, fault.cure)
    return Check("sign-in", True)


def _instance(client: ServiceNow, profile: Profile) -> Check:
    if not profile.instance_name:
        return Check("instance", None, "the profile names no instance_name, so another one behind the address would "
                     "not show", "set instance_name in the profile")  # fmt: skip
    columns = Columns("sys_properties", ["name"])
    base = all_of(equals(columns["name"], "instance_name"))
    found = look(client, columns, base, ["name", "value"], limit=2)
    names = [stored(row.get("value")) for row in found.rows if stored(row.get("name")) == "instance_name"]
    if not names:
        return Check("instance", None, found.why or "sys_properties does not show instance_name",
                     "give the integration user the right to read sys_properties")  # fmt: skip
    if names != [profile.instance_name]:
        return Check("instance", False, f"behind the address is {names[0]!r}, the profile is for "
                     f"{profile.instance_name!r}", "correct base_url of the connection, or the profile")  # fmt: skip
    return Check("instance", True, names[0])


def _modules(client: ServiceNow, profile: Profile) -> Iterator[Check]:
    wanted = profile.onboarding.modules
    if not wanted:
        return
    columns = Columns("sys_scope", ["scope"])
    found = look(client, columns, all_of(one_of(columns["scope"], list(wanted))), ["scope", "active", "version"])
    there = {stored(row.get("scope")): stored(row.get("active")) for row in found.rows}
    for scope, purpose in wanted.items():
        if scope not in there and (found.why or not there):
            why = found.why or "sys_scope shows none of the applications"
            yield Check(f"module {scope}", None, why, "give the integration user the right to read sys_scope")
        elif scope not in there:
            yield Check(f"module {scope}", False, f"not installed ({purpose})", f"license and install {scope}")
        elif there[scope] == "false":
            yield Check(f"module {scope}", False, f"installed and not active ({purpose})", f"activate {scope}")
        else:
            yield Check(f"module {scope}", True, purpose)


def _table(proof: Proof, profile: Profile, name: str, table: Table) -> Iterator[Check]:
    probe = table_check(proof.client, name, table.table, sorted(table.columns.values()), filled=table.filled)
    dictionary = list(_columns(proof, name, table))
    if probe.ok is None and any(check.ok for check in dictionary):
        probe = Check(name, True, f"{table.table} is empty; its columns are in the dictionary")
    yield probe
    yield from dictionary
    if probe.ok is False:
        return
    if table.external_id:
        yield _unique(proof, name, table)
    for column, words in table.choices.items():
        for word, label in words.items():
            yield _choice(proof, profile, name, table, column, word, label)
    if "amount" in table.columns:
        yield _amounts(proof, name, table)
    if name in POLLED:
        yield _ranges(proof, name, table.table)


def _columns(proof: Proof, name: str, table: Table) -> Iterator[Check]:
    """Each column by the dictionary; assumed names are told apart, since nobody has seen them yet."""
    where = f"{name} columns"
    try:
        info = proof.dictionary.table(table.table)
        if info is None:
            yield Check(where, False, f"there is no table {table.table}",
                        "install and license its application, or correct the profile")  # fmt: skip
            return
        missing = [(ours, path) for ours, path in table.columns.items()
                   if proof.dictionary.column(table.table, path) is None]  # fmt: skip
    except MetadataHidden as hidden:
        yield Check(where, None, hidden.what, hidden.cure)
        return
    for ours, path in missing:
        guess = " (an assumed name)" if ours in table.assumed else ""
        yield Check(where, False if info.whole else None, f"{table.table} has no {path}{guess}, which is our {ours}",
                    "correct the column in the profile, or add it")  # fmt: skip
    if not missing:
        yield Check(where, True, table.table)


def _unique(proof: Proof, name: str, table: Table) -> Check:
    """Without it two workers, or a person, can make a second record of one document. Warned of, not refused."""
    column, where = table.column(table.external_id), f"{name} external id"
    try:
        info = proof.dictionary.column(table.table, column)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    if info is not None and info.unique:
        return Check(where, True, f"{table.table}.{column} is unique")
    return Check(where, None, f"WARNING: {table.table}.{column} has no unique index; the instance would take the same "
                 "document twice", f"make {table.table}.{column} unique")  # fmt: skip


def _choice(proof: Proof, profile: Profile, name: str, table: Table, column: str, word: str, label: str) -> Check:
    where = f"{name} {column} {word}"
    try:
        value = value_of(proof, table.table, table.column(column), label, profile.language)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    except Untrusted as fault:
        return Check(where, False, fault.what, fault.cure)
    return Check(where, True, f"{label} is {value}")


def _amounts(proof: Proof, name: str, table: Table) -> Check:
    """One real row shows in which form amounts come; where no column names the currency, it can be told from the pair
    alone."""
    where, column = f"{name} amounts", table.column("amount")
    columns = Columns(table.table, [column])
    found = look(proof.client, columns, all_of(is_not_empty(columns[column])), [SYS_ID, column], limit=1)
    if not found.rows or column not in found.rows[0]:
        return Check(where, None, found.why or f"{table.table} has no row with {column} to look at")
    shown = stored(found.rows[0][column])
    if (";" in shown) != (table.amounts == "pair"):
        return Check(where, False, f"{table.table}.{column} shows {shown[:40]!r}, and the profile says {table.amounts}",
                     "set amounts of the table in the profile")  # fmt: skip
    if table.amounts == "reference" and "currency" not in table.columns:
        return Check(where, None, f"WARNING: {table.table} names no currency: a document in another one would be read "
                     "as one in the reference currency", "add the column currency to the profile")  # fmt: skip
    return Check(where, True, shown)


def _ranges(proof: Proof, name: str, table: str) -> Check:
    """A condition that holds for no row shows whether it is heeded."""
    columns, where = Columns(table, [STAMP, SYS_ID]), f"{name} query_range"
    for column, value in ((STAMP, "9999-12-31 23:59:59"), (SYS_ID, "z" * 32)):
        asked = all_of(above(columns[column], value))
        found = look(proof.client, columns, asked, [SYS_ID], limit=1, order_by=[columns[column]])
        if found.total or (found.total is None and found.why):
            reading = "is read by offsets, more slowly" if column == SYS_ID else "cannot be polled"
            return Check(where, None if column == SYS_ID else False,
                         f"range conditions on {column} are not granted, so {table} {reading}",
                         f"grant query_range on {table}.{column} to the integration user")  # fmt: skip
    return Check(where, True, table)
