"""Whose books these are (M1). Invariant: nothing is sent to a company before the target has said, in this session, that
the connection leads to its books."""

from collections.abc import Iterable

from sqlalchemy import Engine

from st_pipelines.audit import trail
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.target import Target, WrongCompany


class Companies:
    """The companies of one session; ``checked`` are those that the target has confirmed."""

    def __init__(self, engine: Engine, target: Target, context: RunContext) -> None:
        self.engine, self.target, self.context = engine, target, context
        self.checked: set[str] = set()

    def check(self, companies: Iterable[str]) -> None:
        """Asks once for each. Raises ``WrongCompany`` after an alarm in the trail, and what the target raises where it
        cannot be reached."""
        for company in companies:
            if company in self.checked:
                continue
            try:
                self.target.check_company(company)
            except WrongCompany as error:
                self.alarm(error)
                raise
            self.checked.add(company)

    def probe(self) -> str:
        """Asks again after a pause: the one read that an open breaker lets through. Gives the fault, empty = alive."""
        for company in sorted(self.checked):
            try:
                self.target.check_company(company)
            except WrongCompany as error:
                self.alarm(error)
                raise
            except Exception as error:  # noqa: BLE001 (still down: the breaker stays open and the summary says why)
                return f"{type(error).__name__}: {error}"[:200]
        return ""

    def alarm(self, error: WrongCompany) -> None:
        with ledger_transaction(self.engine) as connection:
            content = {**self.context.audited(), "said": str(error), "alarm": True}
            trail.append(connection, "wrong_company", **content)
