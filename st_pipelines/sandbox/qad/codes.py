"""Cost centres, GL accounts and the like as people and programs keep them. Invariant: a code is made whole or refused
by its field, may be made inactive and active again, and never changes or vanishes.

What is inactive is refused in postings and order lines by the rules of those (``Submission.code``, ``check_account``).
"""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from starlette.requests import Request

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.qad.checks import clean
from st_pipelines.sandbox.qad.company import SETS, WORKSPACES
from st_pipelines.sandbox.qad.served import Served
from st_pipelines.sandbox.qad.submission import Submission, Workspace
from st_pipelines.sandbox.qad.wire import Refused, mandatory

Record = dict[str, Any]
LISTS = ("gl_accounts", "cost_centres", "sub_accounts", "credit_terms")
TYPES = ("Standard", "Bank", "Customer Control", "Supplier Control", "Tax")
LIMITATIONS = ("", "None", "At Least One", "Both Required", "Excluding each Other")
_CODE = re.compile(r"[A-Za-z0-9_.\-]+")


def submit_code(this: Submission) -> Record:
    """In the shared set of the domain; the code as QAD lets people type it."""
    shared_set, field = this.entity.shared_set, this.entity.keys[-1]
    if shared_set and this.record["sharedSetCode"] != SETS[shared_set]:
        this.problems.append(mandatory("sharedSetCode", this.record["sharedSetCode"]))
    if not _CODE.fullmatch(this.record[field]):
        this.problem("value", field, f"{field} may hold letters, digits, dot, dash and underscore.", this.record[field])
    if not this.record["description"].strip():
        this.problems.append(mandatory("description"))
    this.refuse_if_any()
    return this.store()


def submit_gl_account(this: Submission) -> Record:
    """Also its type, and how it takes analysis. A control account stays in use: vouchers balance on it."""
    if this.record["glType"] not in TYPES:
        this.problems.append(mandatory("glType", this.record["glType"]))
    if this.record["analysisLimitation"] not in LIMITATIONS:
        this.problem("value", "analysisLimitation", "The limitation is not known.", this.record["analysisLimitation"])
    if this.record["glType"].endswith("Control") and not this.record["isActive"]:
        this.problem("value", "isActive", "A control account may not be made inactive.", False)
    return submit_code(this)


class CodeKeeping:
    """What people in finance do to codes: ``POST /_sandbox/business`` with the action ``keep_code``."""

    actions = ("keep_code",)

    def __init__(self, books: Books, served: Served, clock: Clock) -> None:
        self._books, self._served, self._clock = books, served, clock

    def run(self, order: Mapping[str, Any]) -> list[Record]:
        given = {name: value for name, value in order.items() if name != "action"}
        with self._books.transaction():
            return [self.keep_code(**given)]

    def keep_code(self, entity: str, code: str, company: int = 1, **fields: Any) -> Record:
        """Makes it, or changes the given fields of it. ``fields`` by QAD's own names."""
        if entity not in LISTS:
            raise ValueError(f"no list of codes is called {entity!r}; there are {', '.join(LISTS)}")
        served, workspace = self._served.entities[entity], Workspace(*WORKSPACES[company - 1][1:3])
        shared_set = SETS[served.shared_set]
        before = self._books.get(entity, f"{shared_set}.{code}")
        given = {"glType": "Standard", "sharedSetCode": shared_set, served.keys[-1]: code, **fields}
        if before is not None:
            given = {**before, **fields}
        record, problems = clean(served, given, before)
        if problems:
            raise Refused(*problems)
        now = self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        nobody = Request({"type": "http", "method": "POST", "path": "", "query_string": b"", "headers": []})
        submit = submit_gl_account if entity == "gl_accounts" else submit_code
        return submit(Submission(nobody, self._books, self._served, served, workspace, now, record, before))
