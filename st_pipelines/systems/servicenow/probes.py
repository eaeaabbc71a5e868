"""Single looks at an instance, each with a verdict. Invariant: what could not be looked at is ``None``, not a failure,
and each thing that is missing says what the administrator must do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.http.errors import Forbidden, NotFound, Refused, SystemFault
from st_pipelines.systems.servicenow.answers import Row, said
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.query import AllOf, Column, Columns, query
from st_pipelines.systems.servicenow.tables import select


@dataclass(frozen=True)
class Looked:
    """Rows that may be read; ``why`` says why nothing can be told from them, where that is so."""

    rows: list[Row]
    total: int | None
    why: str = ""


def look(
    client: ServiceNow, columns: Columns, base: AllOf, shown: Sequence[str], *, limit: int = 1000,
    order_by: Sequence[Column] = (),
) -> Looked:  # fmt: skip
    """Metadata that may be hidden from us, by refusal or by silence."""
    try:
        answer = select(client, columns.table, query(base, order_by=order_by), shown, limit=limit)
    except Refused as fault:
        return Looked([], None, f"{columns.table} cannot be read ({said(fault)})")
    if answer.total is not None and answer.total > len(answer.rows) and len(answer.rows) < limit:
        return Looked(answer.rows, answer.total, f"{columns.table} is not shown whole")
    return Looked(answer.rows, answer.total)


def table_check(client: ServiceNow, name: str, table: str, columns: Sequence[str], *, filled: bool) -> Check:
    """One row with all columns. The verdicts are those of the reference, §13."""
    role = f"give the integration user a role that reads {table}"
    try:
        answer = select(client, table, "", ["sys_id", *columns], limit=1)
    except Forbidden as fault:
        return Check(name, False, f"{table} may not be read ({said(fault)})", role)
    except NotFound as fault:
        return Check(name, False, f"{table} is not there ({said(fault)})", "check base_url of the connection")
    except Refused as fault:
        cure = f"install and license the application that {table} belongs to, or correct the profile"
        return Check(name, False, f"{table} does not exist ({said(fault)})", cure)
    except SystemFault as fault:
        return Check(name, None, fault.what, fault.cure)
    if answer.rows:
        missing = [column for column in columns if column not in answer.rows[0]]
        if missing:
            return Check(name, False, f"{table} does not show {', '.join(missing)}",
                         "correct the column in the profile, add it, or grant reading it")  # fmt: skip
        return Check(name, True, table)
    if answer.total:
        return Check(name, False, f"{table} has {answer.total} rows and none may be read", role)
    if filled:
        return Check(name, False, f"{table} shows no row, and it must have some", role)
    return Check(name, None, f"{table} is empty, or hidden: which cannot be told", "")
