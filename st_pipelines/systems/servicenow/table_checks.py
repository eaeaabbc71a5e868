"""One table of an instance: there, its columns, its external id, its states, its amounts, its ranges. Invariant: a
verdict is only given where the instance shows what it stands on.
"""

from collections.abc import Collection, Iterator, Mapping

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.choices import value_of
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID
from st_pipelines.systems.servicenow.needs import SYS_ID_LENGTH, Needs
from st_pipelines.systems.servicenow.probes import look, table_check
from st_pipelines.systems.servicenow.profile import Profile, ProfileFault, Table
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import Columns, above, all_of, is_not_empty
from st_pipelines.systems.servicenow.values import stored

POLLED = ("suppliers", "purchase_orders", "purchase_order_lines", "receipts", "cost_centers", "gl_accounts",
          "invoices", "invoice_lines", "outbound_invoices", "outbound_invoice_lines")  # fmt: skip


def table(proof: Proof, profile: Profile, name: str, needs: Needs) -> Iterator[Check]:
    """Everything about one entity of ``tables``. A table that our own rows fill may still be empty."""
    try:
        one = profile.table(name)
    except ProfileFault as fault:
        yield Check(name, False, str(fault), "add it to the profile")
        return
    back = profile.staging[name].read_back if name in needs.stages and name in profile.staging else {}
    columns = {**one.columns, **back}
    filled = one.filled and name not in needs.stages
    probe = table_check(proof.client, name, one.table, sorted({*columns.values()}), filled=filled)
    dictionary = list(_columns(proof, name, one, columns, frozenset(back)))
    if probe.ok is None and any(check.ok for check in dictionary):
        probe = Check(name, True, f"{one.table} is empty; its columns are in the dictionary")
    yield probe
    yield from dictionary
    if probe.ok is False:
        return
    if one.external_id:
        yield _unique(proof, name, one)
        yield _wide(proof, name, one)
    for column, words in one.choices.items():
        for word, label in words.items():
            yield _choice(proof, profile, name, one, column, word, label)
    if "amount" in one.columns:
        yield _amounts(proof, profile, name, one, needs)
    for told in needs.tells.get(name, ()):
        if told in one.columns:
            yield _told(proof, name, one, told)
    if name in POLLED and name in needs.reads:
        yield _ranges(proof, name, one.table)


def _columns(
    proof: Proof, name: str, table: Table, columns: Mapping[str, str], guessed: Collection[str]
) -> Iterator[Check]:
    """Each column by the dictionary; assumed names are told apart, since nobody has seen them yet."""
    where = f"{name} columns"
    try:
        info = proof.dictionary.table(table.table)
        if info is None:
            yield Check(where, False, f"there is no table {table.table}",
                        "install and license its application, or correct the profile")  # fmt: skip
            return
        missing = [(ours, path) for ours, path in columns.items()
                   if proof.dictionary.column(table.table, path) is None]  # fmt: skip
    except MetadataHidden as hidden:
        yield Check(where, None, hidden.what, hidden.cure)
        return
    for ours, path in missing:
        guess = " (an assumed name)" if ours in table.assumed or ours in guessed else ""
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


def _wide(proof: Proof, name: str, table: Table) -> Check:
    """What is cut there is cut silently, and a key that was cut finds a stranger or nothing."""
    column, where = table.column(table.external_id), f"{name} width"
    try:
        info = proof.dictionary.column(table.table, column)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    if info is None or not info.length:
        return Check(where, None, f"the dictionary does not say how much {table.table}.{column} holds")
    if info.length < SYS_ID_LENGTH:
        return Check(where, False, f"{table.table}.{column} holds {info.length} characters, and a key such as a sys_id "
                     f"has {SYS_ID_LENGTH}: it would be cut silently", f"make it {SYS_ID_LENGTH} wide at least, or "
                     "name another column in the profile")  # fmt: skip
    return Check(where, True, f"{info.length} characters")


def _told(proof: Proof, name: str, table: Table, told: str) -> Check:
    """A column that is written to. Whether it may be written is only proven by writing, which is not done here."""
    column, where = table.column(told), f"{name} {told}"
    try:
        info = proof.dictionary.column(table.table, column)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    if info is None:
        return Check(where, None, f"{table.table} does not show {column}, which is written to")  # said by its columns
    if info.read_only:
        return Check(where, False, f"{table.table}.{column} is read only, and the result is written into it",
                     "take read only off the column, or name another one in the profile")  # fmt: skip
    if 0 < info.length < SYS_ID_LENGTH:
        return Check(where, False, f"{table.table}.{column} holds {info.length} characters: what is told would be cut",
                     f"make it {SYS_ID_LENGTH} wide at least, or name another column in the profile")  # fmt: skip
    return Check(where, True, column)


def _choice(proof: Proof, profile: Profile, name: str, table: Table, column: str, word: str, label: str) -> Check:
    where = f"{name} {column} {word}"
    try:
        value = value_of(proof, table.table, table.column(column), label, profile.language)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    except Untrusted as fault:
        return Check(where, False, fault.what, fault.cure)
    return Check(where, True, f"{label} is {value}")


def _amounts(proof: Proof, profile: Profile, name: str, table: Table, needs: Needs) -> Check:
    """One real row shows in which form amounts come; where no column names the currency, it can be told from the pair
    alone."""
    where, column = f"{name} amounts", table.column("amount")
    others = sorted({*needs.currencies} - {profile.currency})
    if others and table.amounts == "reference":
        return Check(where, False, f"documents in {', '.join(others)} are carried, and the profile says that "
                     f"{table.table} shows bare amounts in {profile.currency}", "have raw currency fields shown with "
                     "their currency (amounts: pair), or take the currencies out of integration.yaml")  # fmt: skip
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
