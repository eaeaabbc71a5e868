"""Codes of a manufacturer under test: what people do to them in QAD and in ServiceNow, and an oracle that compares.

The oracle reads the books of both sandboxes and knows nothing of how they are aligned.
"""

from datetime import UTC, datetime
from typing import Any

import httpx

from st_pipelines.integrations.align_codes import CodesDone, align_codes
from st_pipelines_tests.procurement.buyer import Buyer

LISTS = ("legal_entities", "payment_terms", "cost_centers", "gl_accounts")
_QAD = {"cost_centers": ("cost_centres", "costCentreCode"), "gl_accounts": ("gl_accounts", "glCode"),
        "payment_terms": ("credit_terms", "creditTermsCode"),
        "legal_entities": ("workspaces", "entityCode")}  # fmt: skip
_SN = {"cost_centers": ("cmn_cost_center", "code", "name"), "gl_accounts": ("sn_fin_gl_account", "number",
       "account_name"), "payment_terms": ("sn_shop_payment_term", "payment_term", "name"),
       "legal_entities": ("sn_fin_legal_entity", "erp_company_code", "name")}  # fmt: skip
Held = dict[str, tuple[str, bool]]  # code to name and whether it is in use


def aligned(company: Buyer, *names: str) -> dict[str, CodesDone]:
    """One round over these lists."""
    with company.session() as session:
        return {name: align_codes(session, name, "aligning", "tests") for name in names or LISTS}


def in_qad(company: Buyer, name: str) -> Held:
    entity, key = _QAD[name]
    return {row[key]: (row["description"], row.get("isActive", True)) for row in company.state("qad", entity)
            if row.get("domainCode", "10USA") == "10USA"}  # fmt: skip


def in_servicenow(company: Buyer, name: str) -> Held:
    return {row[_SN[name][1]]: (row[_SN[name][2]], _in_use(row)) for row in rows(company, name)}


def rows(company: Buyer, name: str) -> list[dict[str, Any]]:
    return company.state("servicenow", _SN[name][0])


def keep(company: Buyer, of: str, code: str, **fields: Any) -> None:
    """What somebody in finance does in QAD."""
    given = {"description": fields.pop("name")} if "name" in fields else {}
    given |= {"isActive": fields.pop("active")} if "active" in fields else {}
    company.act("qad", action="keep_code", entity=_QAD[of][0], code=code, **given, **fields)


def put(company: Buyer, of: str, code: str, **fields: Any) -> None:
    """What somebody in procurement does in ServiceNow: makes the code, or changes the one that is there."""
    table, key, title = _SN[of]
    given = {title: fields["name"]} if "name" in fields else {}
    if "active" in fields:
        given |= {"inactive": "false" if fields["active"] else "true"} if of == "gl_accounts" else {
            "valid_to": "" if fields["active"] else "2026-01-31"}  # fmt: skip
    there = next((row["sys_id"] for row in rows(company, of) if row[key] == code), None)
    if there is None:
        company.act("servicenow", action="insert", table=table, fields={key: code, **given})
    else:
        company.act("servicenow", action="set_fields", table=table, sys_id=there, fields=given)


def writes(company: Buyer) -> dict[str, int]:
    """Writes that reached each system so far, signing in left out."""
    found = {}
    for system in ("qad", "servicenow"):
        log = httpx.get(f"{company.origin(system)}/_sandbox/log", params={"limit": 100_000}).json()["requests"]
        found[system] = sum(one["method"] in ("POST", "PATCH", "PUT", "DELETE") and "token" not in one["path"]
                            and "/batch" not in one["path"] for one in log)  # fmt: skip
    return found


def _in_use(row: dict[str, Any]) -> bool:
    if "inactive" in row:
        return bool(row["inactive"] != "true")
    last = row.get("valid_to", "")
    return not last or last >= datetime.now(UTC).date().isoformat()
