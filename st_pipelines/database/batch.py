"""Many rows changed by one statement. Invariant: gives the number of rows that were really changed, on both databases.

SQLite runs the statement once a row, inside the process. PostgreSQL gets all rows in one parameter, because one round
trip a row would be most of the time that a posting takes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text

_VALUE = re.compile(r"@(\w+)")
_encode = msgspec.json.Encoder().encode


class BatchUpdate:
    """``UPDATE t SET t-columns … WHERE …`` with ``@name`` for a row's value; columns are written ``table.column``.

    ``types``: PostgreSQL's type of each value (``bigint``, ``text``, ``bytea``).
    """

    def __init__(self, update: str, where: str, types: Mapping[str, str]) -> None:
        self._types = types
        self._sqlite = text(_VALUE.sub(r":\1", f"{update} WHERE {where}"))
        columns = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in types.items())
        given = f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS v({columns})"
        self._postgresql = text(_VALUE.sub(self._from_json, f"{update} {given} WHERE {where}"))

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Changes one row of the table for each of ``rows``; gives how many were changed."""
        if not rows:
            return 0
        if connection.dialect.name == "sqlite":
            return connection.execute(self._sqlite, rows).rowcount
        # PostgreSQL takes no NUL in a text.
        given = _encode(rows).decode().replace("\\u0000", "\\ufffd")
        return connection.execute(self._postgresql, {"rows": given}).rowcount

    def _from_json(self, found: re.Match[str]) -> str:
        name = found[1]
        return f"decode(v.{name}, 'base64')" if self._types[name] == "bytea" else f"v.{name}"
