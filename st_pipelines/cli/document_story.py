"""What surrounds a document's life in the ledger: the source's record, the rows that mapped it, what was sent, and what
the target holds now. Invariant: what is not kept any more is said to be missing, never made up.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from st_pipelines.cli import opened
from st_pipelines.reconciliation.amounts import plain

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from st_pipelines.integrations.registry import Integration
    from st_pipelines.posting.target import Found


def add_story(life: dict[str, Any], engine: "Engine") -> None:
    """Adds ``source``, ``rules`` and, to each posting, ``payload`` and ``answer_sha256``."""
    integration = next((one for one in opened.integrations() if one.name == life["integration"]), None)
    newest = life["versions"][-1]
    life["source"] = _source(integration, newest) if integration else None
    life["rules"] = _rules(integration, newest) if integration else None
    _add_payloads(life, engine)


def add_live(life: dict[str, Any]) -> None:
    """Adds ``live``: what the target holds under each of the document's references just now. Asks the target."""
    asked: dict[tuple[str, str], dict[str, None]] = {}
    for row in life["postings"]:
        references = [row["external_ref"], *([f"{row['external_ref']}:void"] if row["op"] == "void" else [])]
        asked.setdefault((row["kind"], row["company"]), {}).update(dict.fromkeys(references))
    life["live"] = []
    with opened.session(life["integration"]) as session:
        for (kind, company), wanted in asked.items():
            session.target.check_company(company)
            answer = session.target.find(kind, company, list(wanted))
            for reference in wanted:
                life["live"] += [_found(each) for each in answer.get(reference, ())]


def _source(integration: "Integration", version: dict[str, Any]) -> dict[str, Any] | None:
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.integrations.source_record import source_record
    from st_pipelines.store.files import Store

    store = Store(opened.settings().data_url)
    found = source_record(store, road_of(integration), integration.name, version["flow"], version["doc_key"],
                          version["partition_key"])  # fmt: skip
    if found is None:
        return None
    return {"system": integration.source.system, "entity": found.entity, "partition": found.partition,
            "page_sha256": found.page, "record": found.record}  # fmt: skip


def _rules(integration: "Integration", version: dict[str, Any]) -> dict[str, Any]:
    """For each line the rows that give its account and cost center. ``same_mapping``: the tables are still those that
    the document was mapped with."""
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.mapping.explain import account_rows, cost_center_rows
    from st_pipelines.mapping.tables import MappingErrors, load_mapping

    try:
        mapping = load_mapping(integration.folder, road_of(integration).tables)
    except MappingErrors as error:
        return {"mapping_version": version["mapping_version"], "fault": str(error), "lines": []}
    day, own = date.fromisoformat(version["business_date"]), integration.options.own_accounts
    lines = []
    for line in version["document"]["control"]:
        unit, account = line["business_unit"], line["gl_account"]
        rows = account_rows(mapping, account, unit, day)
        if not rows and account in own:
            rows = ["integration.yaml, options"]
        lines.append({
            "business_unit": unit, "gl_account": account, "cost_center": line["cost_center"],
            "amount": plain(line["amount_minor"], version["currency"]), "account_rows": rows,
            "cost_center_rows": cost_center_rows(mapping, line["cost_center"], unit, day),
        })  # fmt: skip
    return {"mapping_version": version["mapping_version"], "present_version": mapping.version,
            "same_mapping": mapping.version == version["mapping_version"], "lines": lines}  # fmt: skip


def _add_payloads(life: dict[str, Any], engine: "Engine") -> None:
    from st_pipelines.posting.life import body

    answers = {event["posting_id"]: event["content"].get("response_sha256", "") for event in life["events"]
               if event["event"] == "posted"}  # fmt: skip
    for row in life["postings"]:
        sent = body(engine, row["posting_id"])
        row["payload"] = None if sent is None else sent.decode("utf-8", "backslashreplace")
        row["answer_sha256"] = answers.get(row["posting_id"], "")


def _found(found: "Found") -> dict[str, Any]:
    return {
        "kind": found.kind, "company": found.company, "external_ref": found.external_ref,
        "target_id": found.target_id, "number": found.number, "url": found.url, "currency": found.currency,
        "business_date": found.business_date, "total": found.total, "content": dict(found.content),
        "gl_lines": [
            {"business_unit": line.business_unit, "gl_account": line.gl_account, "cost_center": line.cost_center,
             "amount": plain(line.amount_minor, found.currency)} for line in found.control
        ],
    }  # fmt: skip


def pretty(payload: str) -> str:
    """A JSON body indented for reading; anything else as it is. Numbers keep their digits."""
    try:
        return msgspec.json.format(payload.encode(), indent=2).decode()
    except msgspec.DecodeError:
        return payload
