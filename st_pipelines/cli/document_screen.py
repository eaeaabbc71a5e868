"""One document's life on a screen, from top to bottom as it happened: source, mapping, ledger, what was sent, the
target, the proof. Invariant: an accountant can read it without knowing the program."""

from typing import Any

from rich.console import Group, RenderableType

from st_pipelines.cli.document_story import pretty
from st_pipelines.cli.output import table, text

_IN_SOURCE = ("number", "referenceNumber", "job", "customer", "vendor", "location", "businessUnit", "type",
              "syncStatus", "active", "modifiedOn", "total")  # fmt: skip
_LONGEST_PAYLOAD, _MOST_FIELDS = 4000, 30


def screen(life: dict[str, Any]) -> tuple[RenderableType, ...]:
    newest = life["versions"][-1]
    title = f"{life['integration']}: {life['doc_key']}  {newest['label']}"
    return (
        text(title, "bold"),
        *_source(life),
        *_mapped(life),
        *_ledger(life),
        *_sent(life),
        *_target(life),
        *_trail(life),
    )


def _source(life: dict[str, Any]) -> list[RenderableType]:
    source = life.get("source")
    if not source:
        return [_heading("1. In the source"), text("   No raw page that holds it is kept here.")]
    record = source["record"]
    names = _IN_SOURCE if "modifiedOn" in record else [name for name in record if _says_something(record[name])]
    rows = [(name, _named(record[name])) for name in names[:_MOST_FIELDS] if record.get(name) is not None]
    where = f"1. In {source['system']}: {source['entity']}, read with {source['partition']}"
    return [_heading(where), table(("field", "as received"), rows), text(f"   raw page {source['page_sha256']}")]


def _says_something(value: Any) -> bool:
    """Of a record with fields of another system: what is one value, and not empty."""
    return value not in ("", None) and not isinstance(value, dict | list)


def _mapped(life: dict[str, Any]) -> list[RenderableType]:
    versions = [
        (v["version"], v["recorded_at"], v["disposition"], v["amount"], v["currency"], v["business_date"], v["company"],
         v["mapping_version"][:12], v["reason"] or v["label"])
        for v in life["versions"]
    ]  # fmt: skip
    headings = ("version", "recorded", "disposition", "amount", "", "date", "company", "mapping", "about")
    parts: list[RenderableType] = [_heading("2. Mapped"), table(headings, versions, "", ("version", "amount"))]
    rules = life.get("rules")
    if rules and rules["lines"]:
        rows = [(line["business_unit"], line["gl_account"], line["cost_center"], line["amount"],
                 "; ".join(line["account_rows"]) or "see the source line's own account",
                 "; ".join(line["cost_center_rows"])) for line in rules["lines"]]  # fmt: skip
        then = "" if rules["same_mapping"] else " (the tables have changed since: these are the rows of now)"
        names = ("business unit", "GL account", "cost center", "amount", "account by", "cost center by")
        parts.append(table(names, rows, f"Accounts, debit positive{then}", ("amount",)))
    return parts


def _ledger(life: dict[str, Any]) -> list[RenderableType]:
    postings = [
        (p["seq"], p["op"], p["state"], p["amount"], p["currency"], p["external_ref"],
         p["target_number"] or p["target_id"], p["attempt"],
         " ".join(n["needs"] for n in p["needs"] if n["satisfied_at"] is None), p["run_id"],
         ": ".join(part for part in (p["reason_code"], p["reason"]) if part))
        for p in life["postings"]
    ]  # fmt: skip
    headings = ("seq", "op", "state", "amount", "", "reference", "in target", "attempts", "waits for", "run", "reason")
    return [_heading("3. In the ledger"), table(headings, postings, "", ("seq", "amount", "attempts"))]


def _sent(life: dict[str, Any]) -> list[RenderableType]:
    sent = [p for p in life["postings"] if p.get("payload") is not None]
    if not sent:
        return [_heading("4. Nothing was sent")]
    rows = [(p["seq"], p["op"], p["sent_at"], p["body_sha256"], p["answer_sha256"]) for p in sent]
    body = pretty(sent[-1]["payload"])
    shown = body if len(body) <= _LONGEST_PAYLOAD else f"{body[:_LONGEST_PAYLOAD]}\n… (all of it with --json)"
    names = ("seq", "op", "sent", "digest of the body", "digest of the answer")
    return [
        _heading("4. Sent"), table(names, rows, "", ("seq",)),
        *(text(f"   {line}") for line in shown.splitlines()),
    ]  # fmt: skip


def _target(life: dict[str, Any]) -> list[RenderableType]:
    posted = [(p["seq"], p["op"], p["target_number"], p["target_id"], p["read_back_at"] or "not yet")
              for p in life["postings"] if p["state"] == "posted"]  # fmt: skip
    parts: list[RenderableType] = [_heading("5. In the target")]
    if posted:
        parts.append(table(("seq", "op", "number", "id", "read back"), posted, "", ("seq",)))
    told = [(p["seq"], mark["external_id"], mark["state"], mark["marked_at"] or mark["asked_at"], mark["reason"])
            for p in life["postings"] for mark in p["marks"]]  # fmt: skip
    if told:
        parts.append(table(("seq", "told as", "state", "when", "reason"), told, "Told to the source", ("seq",)))
    if "live" not in life:
        control = [(p["seq"], line["business_unit"], line["gl_account"], line["cost_center"], line["amount"])
                   for p in life["postings"] if p["state"] == "posted" for line in p["control"]]  # fmt: skip
        headings = ("seq", "business unit", "GL account", "cost center", "amount")
        parts.append(table(headings, control, "Control lines as planned; --live asks the target", ("seq", "amount")))
        return parts
    if not life["live"]:
        parts.append(text("   The target holds nothing under the references of this document.", "bold"))
    for found in life["live"]:
        said = f"Now: {found['number'] or found['target_id']}, {found['total']} {found['currency']}"
        rows = [(line["business_unit"], line["gl_account"], line["cost_center"], line["amount"])
                for line in found["gl_lines"]]  # fmt: skip
        parts.append(table(("business unit", "GL account", "cost center", "amount"), rows, said, ("amount",)))
        if not rows:
            parts.append(table(("field", "as the target holds it"), sorted(found["content"].items())))
        if found["url"]:
            parts.append(text(f"   {found['url']}"))
    return parts


def _trail(life: dict[str, Any]) -> list[RenderableType]:
    events = [
        (e["n"], e["recorded_at"], e["event"], e["content"].get("actor", ""), e["content"].get("run_id", ""),
         e["content"].get("why") or e["content"].get("reason") or e["content"].get("detail") or "")
        for e in life["events"]
    ]  # fmt: skip
    headings = ("event", "when", "what", "by", "run", "why")
    return [_heading("6. The audit trail; the number is the place in the chain"),
            table(headings, events, "", ("event",))]  # fmt: skip


def _heading(said: str) -> RenderableType:
    return Group(text(""), text(said, "bold"))


def _named(value: Any) -> str:
    """A nested record by its number and name."""
    if isinstance(value, dict):
        return " ".join(str(value[name]) for name in ("number", "name", "id") if value.get(name) is not None)
    return str(value)
