"""Everything that happens on the instance besides the API: people in accounts payable, administrators, jobs, other
writers. Invariant: an action is done whole or not at all.

By ``POST /_sandbox/business`` with ``{"action": name, …}``, or a list of such in one transaction; each gives the rows
it changed. What they take is told by the methods that ``names`` leads to.
"""

from collections.abc import Callable
from typing import Any

from st_pipelines.sandbox.servicenow.administration import Administration
from st_pipelines.sandbox.servicenow.errors import ApiError
from st_pipelines.sandbox.servicenow.import_sets import ImportSets
from st_pipelines.sandbox.servicenow.mutations import Mutations
from st_pipelines.sandbox.servicenow.payables import ActionRefused, Payables
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.supplier_mail import SupplierMail

Record = dict[str, Any]


class Actions:
    def __init__(
        self, rows: Rows, payables: Payables, mail: SupplierMail, administration: Administration,
        mutations: Mutations, imports: ImportSets,
    ) -> None:  # fmt: skip
        self._rows, self._imports = rows, imports
        self.names: dict[str, Callable[..., list[Record]]] = {
            "take_in_mail": mail.take_in, "add_invoice": payables.add_invoice, "check_invoice": payables.check_invoice,
            "approve_invoice": payables.approve_invoice, "reject_invoice": payables.reject_invoice,
            "cancel_invoice": payables.cancel_invoice, "resubmit_invoice": payables.resubmit_invoice,
            "install_scope": administration.install_scope, "uninstall_scope": administration.uninstall_scope,
            "grant_role": administration.grant_role, "revoke_role": administration.revoke_role,
            "add_acl": administration.add_acl, "drop_acl": administration.drop_acl,
            "set_property": administration.set_property, "set_user": administration.set_user,
            "add_rate_rule": administration.add_rate_rule, "drop_rate_rules": administration.drop_rate_rules,
            "rename_column": administration.rename_column, "change_column": administration.change_column,
            "add_column": administration.add_column, "bulk_update": mutations.bulk_update, "fill": mutations.fill,
            "write_late": mutations.write_late, "commit_late": mutations.commit_late, "insert": self.insert,
            "set_fields": self.set_fields, "delete": self.delete, "retrigger_failed_rows": imports.retrigger,
            "clean_import_rows": self.clean_import_rows,
        }  # fmt: skip

    def run(self, orders: dict[str, Any] | list[dict[str, Any]]) -> list[Record]:
        changed: list[Record] = []
        with self._rows.books.transaction():
            for order in orders if isinstance(orders, list) else [orders]:
                changed += self._run(order)
        return changed

    def insert(self, table: str, fields: dict[str, str]) -> list[Record]:
        """A row that somebody else made."""
        return [self._rows.insert(table, fields)]

    def set_fields(self, table: str, sys_id: str, fields: dict[str, str]) -> list[Record]:
        """Fields as they are given, right or wrong."""
        return [self._rows.update(table, sys_id, fields)]

    def delete(self, table: str, sys_id: str) -> list[Record]:
        self._rows.delete(table, sys_id)
        return []

    def clean_import_rows(self, staging: str) -> list[Record]:
        """The cleaning job, now: rows over their age are gone."""
        self._imports.clean(staging)
        return []

    def _run(self, order: dict[str, Any]) -> list[Record]:
        arguments = dict(order)
        name = arguments.pop("action", None)
        if name not in self.names:
            raise ActionRefused(f"unknown action {name!r}; known: {', '.join(self.names)}")
        try:
            return self.names[name](**arguments)
        except (TypeError, LookupError, ArithmeticError, ApiError) as error:
            raise ActionRefused(f"{name}: {type(error).__name__} {error}") from error
