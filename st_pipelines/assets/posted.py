"""Posting assets ``[integration, posted, flow]``: plan, claim, send, confirm through the ledger, day by day.

Invariant: no retry of any kind is set here. The ledger alone decides what may be sent (L9, R3), so materializing a
posted day again sends nothing. A day with an unknown outcome is not materialized; the next run settles it.
"""

import re
from datetime import date
from typing import Any
from urllib.parse import quote

import dagster as dg

from st_pipelines.assets.days import require_all
from st_pipelines.assets.goods import goods_check, goods_metadata, goods_result
from st_pipelines.assets.metadata import amount, links, plotted, table
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow

PLOTTED = ("posted", "held", "rejected")  # zero where there are none, so that a plot has no gaps
DOCUMENTS = ("number_in_books", "amount", "about", "document")
ADD_UP = "Stop the schedules, keep the report, run st-pipelines audit verify, and call whoever maintains this software."
READ_BACK = (
    "Somebody or something changed it in the books. Compare both with st-pipelines documents show KEY; correct it "
    "there or in the source, then run the day again. docs/runbooks/variance-not-zero.md"
)


def posted_asset(integration: Integration, flow: Flow) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "posted", flow.name])
    currency = integration.options.currency

    @dg.asset(
        key=key,
        deps=[
            dg.AssetKey([integration.name, "mapped", flow.name]),
            *(dg.AssetKey([integration.name, "posted", other]) for other in flow.after),
            *(dg.AssetKey([integration.name, "codes", one]) for one in flow.codes if one in integration.codes),
        ],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, pool=target_pool(integration),
        group_name=group(integration, "posted"), kinds={integration.target.system}, owners=[integration.owner],
        tags={"layer": "posted"}, code_version="1",
        description=f"{flow.description} What the books ({integration.target.connection}) hold of each day of changes, "
        "posted once through the ledger. Running a day again sends nothing twice. Held and refused documents are "
        "counted here and listed by `st-pipelines holds list`.",
        check_specs=[
            dg.AssetCheckSpec(
                "every_document_accounted_for", asset=key,
                description="Nothing is lost: planned = posted + rejected + superseded + held + unknown + open.",
            ),
            dg.AssetCheckSpec(
                "books_hold_what_was_planned", asset=key,
                description="Each document that was posted reads back from the books as it was planned.",
            ),
            *([goods_check(key)] if flow.takes_goods else []),
        ],
    )  # fmt: skip
    def post(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.goods_report import goods_report
        from st_pipelines.integrations.post_days import audit_position, broken_identity, post_days

        session = sessions.session(integration.name)
        days = [date.fromisoformat(key) for key in context.partition_keys]
        summary, outcomes = post_days(
            session, flow, days, context.run.run_id, actor=f"dagster run {context.run.run_id}"
        )
        context.log.info(f"flow={flow.name} days={len(days)} sent={summary.sent} stopped={summary.stopped or 'no'}")
        link = integration.target.document_link
        finished = {each.day.isoformat(): _metadata(each, currency, link) for each in outcomes if not each.unsettled}
        goods = goods_report(session, flow) if flow.takes_goods else None
        for day, metadata in finished.items():
            metadata.update(goods_metadata(goods, day) if goods else {})
        unsettled = [each.day.isoformat() for each in outcomes if each.unsettled]
        require_all(context, finished, _what_to_do(unsettled, summary.stopped))
        broken = broken_identity(session)
        return dg.MaterializeResult(
            metadata={
                "connection": integration.target.connection,
                "this_run": f"{summary.sent} sent, {summary.adopted} found there, {summary.settled} settled",
                "audit_position": f"event {audit_position(session)}",
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="every_document_accounted_for", passed=not broken, metadata={"breaks": len(broken)},
                    description=f"{'; '.join(broken)}. {ADD_UP}" if broken else None,
                ),
                dg.AssetCheckResult(
                    check_name="books_hold_what_was_planned", passed=not summary.differing,
                    metadata={"differing": len(summary.differing)},
                    description=f"{_some(summary.differing)} read back otherwise. {READ_BACK}"
                    if summary.differing else None,
                ),
                *([goods_result(goods)] if goods else []),
            ],
        )  # fmt: skip

    return post


def _metadata(day: Any, currency: str, link: str) -> dict[str, Any]:
    posted = day.totals_minor.get("posted", 0)
    metadata = {
        "dagster/partition_row_count": sum(day.counts.values()),
        **dict.fromkeys(PLOTTED, 0), **dict(sorted(day.counts.items())),
        "posted_total": amount(posted, currency), "posted_amount": plotted(posted, currency),
        "control_totals": table(day.control_rows, ("gl_account", "amount", "business_unit")),
        "largest_documents": table(map(_row, day.documents), DOCUMENTS),
    }  # fmt: skip
    if link and day.documents:
        metadata["open_in_books"] = links((f"{one.number} {one.label}", _address(link, one)) for one in day.documents)
    return metadata


def _row(one: Any) -> dict[str, str]:
    return {
        "number_in_books": one.number or one.target_id, "amount": amount(one.amount_minor, one.currency),
        "about": one.label, "document": one.doc_key,
    }  # fmt: skip


def _address(link: str, one: Any) -> str:
    """The configured address with this document's values, each quoted: a number can hold no path of its own."""
    values = {name: getattr(one, name) for name in ("number", "company", "external_ref", "target_id", "kind")}
    return re.sub(r"\{(\w+)\}", lambda found: quote(str(values[found[1]]), safe=""), link)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


def _what_to_do(unsettled: list[str], stopped: str) -> str:
    if stopped:
        return f"Posting stopped: {stopped}. Nothing was lost; run these days again once it is mended."
    if not unsettled:
        return ""
    return (
        f"{len(unsettled)} day(s) have writes whose outcome is unknown: {', '.join(unsettled)}. "
        "Run them again after the quiet period: they are settled by reading the target back."
    )
