"""From a document in ServiceNow back to the record that QAD gave; and what a run says in each currency by itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from st_pipelines.documents.keys import codes_of
from st_pipelines.integrations.source_record import source_record
from st_pipelines_tests.procurement.pair import Pair, pair

RUN = ("run", "--integration", "demo_servicenow", "--from", "2026-09-01", "--to", "2026-11-02", "--json")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("records")) as made:
        assert made.command.here(*RUN).code == 0
        yield made


def test_every_document_leads_to_its_record(company: Pair) -> None:
    query = text("SELECT flow, doc_key, partition_key FROM posting WHERE flow IN ('suppliers', 'supplier_details', "
                 "'purchase_orders', 'purchase_order_lines', 'receipts') AND state = 'posted'")  # fmt: skip
    with company.out.session() as session:
        with session.engine.connect() as connection:
            rows = list(connection.execute(query))
        assert len({row.flow for row in rows}) == 5
        for row in rows:
            found = source_record(session.store, session.road, "demo_servicenow", row.flow, row.doc_key,
                                  row.partition_key)  # fmt: skip
            assert found is not None, row.doc_key
            codes = codes_of(row.doc_key.split(":")[3])
            assert codes[0] in map(str, found.record.values()), row.doc_key


def test_the_command_shows_it_and_a_code_has_none(company: Pair) -> None:
    number = company.out.state("qad", "purchase_orders")[0]["purchaseOrderNumber"]
    shown = company.command.here("documents", "show", f"QAD:10USA:purchase_order:{number}", "--json")
    assert shown.json[0]["source"]["record"]["purchaseOrderNumber"] == number
    assert "purchaseOrderNumber" in company.command.here("documents", "show", f"QAD:10USA:purchase_order:{number}").out
    code = company.command.here("documents", "show", "QAD:10USA:cost_center:1100")
    assert code.code == 0 and "No raw page" in code.out


def test_a_run_says_what_stands_in_each_currency(company: Pair) -> None:
    said = {(one["flow"], one["currency"]): one for one in company.command.here(*RUN).json["documents"]}
    orders = company.out.state("qad", "purchase_orders")
    for currency in ("USD", "EUR"):
        of_it = [one for one in orders if one["currencyCode"] == currency]
        assert said["purchase_orders", currency]["documents"] == len(of_it) > 0
        assert said["purchase_orders", currency]["amount"] != "0.00"
