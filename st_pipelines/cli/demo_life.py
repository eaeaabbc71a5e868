"""What goes on in a demo company while its integrations run: goods come, suppliers send invoices, people approve them.

Invariant: the sandbox's clock only goes forward and each stop is lived once, so that a second run finds nothing new.
A company whose business has all happened already (a month of ServiceTitan) has no stops.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx

from st_pipelines.cli.demo_company import DemoCompany, months_of

_EVENING = time(20)  # UTC: the working day of either legal entity is over, its date is still the same
_SETTLED_S = 5  # after people wrote: a poll ends a second in the past, stamps are whole seconds
_CREDIT = "CM-1001"  # the one credit memo of a life
_EVERY, _LATEST = (
    timedelta(days=7),
    6,
)  # days between two stops; days after the last month on which late goods have come


def is_lived(company: DemoCompany) -> bool:
    """Whether things happen while it runs."""
    return "servicenow" in company.sandbox.addresses


def stops(company: DemoCompany) -> list[date]:
    """The days to which the clock is moved, the last one first after everything has come; all, lived or not."""
    first, last = months_of(company)
    end, found = last + timedelta(days=_LATEST), []
    while first + _EVERY < end:
        first += _EVERY
        found.append(first)
    return [*found, end]


def today(company: DemoCompany) -> date:
    return datetime.fromisoformat(_control(company, "qad", "clock")["now"]).date()


def rest_until(company: DemoCompany, day: date) -> None:
    """The clock of both systems moves to the evening of ``day``, and nobody does anything."""
    _control(company, "qad", "clock", {"now": datetime.combine(day, _EVENING, UTC).isoformat()})


def goods_until(company: DemoCompany, day: date) -> None:
    """The clock moves to the evening of ``day``; what was ordered and delivered until then is entered in QAD."""
    rest_until(company, day)
    _act(company, "qad", {"action": "receive_due"})


def week_of(company: DemoCompany) -> int:
    """The week's mail; in the last month one invoice is canceled and sent in again, as a row of its own, and a supplier
    credits something. Gives how many invoices came."""
    taken = mail_of(company)
    if taken and today(company) >= months_of(company)[1].replace(day=1) and not _credit(company):
        first = taken[0]
        _act(company, "servicenow", {"action": "cancel_invoice", "invoice": first["sys_id"], "reason": "wrong scan"})
        _act(company, "servicenow", {"action": "resubmit_invoice", "invoice": first["sys_id"], "as_new": True})
        _credited(company)
        _settle(company)
    return len(taken)


def mail_of(company: DemoCompany) -> Sequence[Mapping[str, Any]]:
    """Suppliers' invoices of the orders that ServiceNow knows come in, are checked against its receipts, and approved:
    some before their goods are there, with a reason."""
    taken: list[Mapping[str, Any]] = _act(company, "servicenow", {"action": "take_in_mail", "approve": False})
    for invoice in taken:
        _act(company, "servicenow", {"action": "check_invoice", "invoice": invoice["sys_id"]})
        _approve(company, invoice)
    _settle(company)
    return taken


def _settle(company: DemoCompany) -> None:
    _control(company, "servicenow", "clock", {"advance": _SETTLED_S})


def _approve(company: DemoCompany, invoice: Mapping[str, Any]) -> None:
    _act(company, "servicenow", {"action": "approve_invoice", "invoice": invoice["sys_id"],
                                 "bypass_reason": "goods are on their way"})  # fmt: skip


def _credit(company: DemoCompany) -> list[Any]:
    found = _control(company, "servicenow", f"state?entity=sn_shop_invoice&supplier_invoice_number={_CREDIT}")
    return list(found["records"])


def _credited(company: DemoCompany) -> None:
    """Some of what was billed without an order comes back as a credit memo of the same supplier."""
    suppliers = _control(company, "servicenow", "state?entity=sn_fin_supplier")["records"]
    line = {"description": "Credit for returned filters", "quantity": "1", "unit_price": "120.00",
            "cost_center": "1100", "gl_account": "5000"}  # fmt: skip
    (memo,) = _act(company, "servicenow", {
        "action": "add_invoice", "supplier_invoice_number": _CREDIT, "invoice_type": "Credit memo", "lines": [line],
        "supplier": suppliers[0]["erp_company_code"], "legal_entity": "10USACO", "currency": "USD",
        "invoice_date": today(company).isoformat(),
    })  # fmt: skip
    _approve(company, memo)


def _act(company: DemoCompany, system: str, order: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
    return _control(company, system, "business", order)["changed"]


def _control(company: DemoCompany, system: str, what: str, order: Any = None) -> Any:
    url = httpx.URL(company.sandbox[system])
    address = f"{url.scheme}://{url.netloc.decode()}/_sandbox/{what}"
    answer = httpx.get(address) if order is None else httpx.post(address, json=order, timeout=120)
    if answer.is_error:
        raise RuntimeError(f"{system}: the sandbox refuses {order}: {answer.text[:500]}")
    return answer.json()
