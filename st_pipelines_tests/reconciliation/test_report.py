"""The report opens, says at once whether the books agree, and nothing from outside can act in it."""

import csv
import io
import re
import stat
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.documents.mapped import Hold
from st_pipelines.reconciliation.documents import triples
from st_pipelines.reconciliation.export import safe_cell, totals_csv, variances_csv
from st_pipelines.reconciliation.overview import day_totals, flow_states
from st_pipelines.reconciliation.report import render_html, safe_link
from st_pipelines.reconciliation.result import AuditVerdict, Reconciliation
from st_pipelines.reconciliation.second_witness import JOURNAL_SUMMARY, compare_with_journal
from st_pipelines.reconciliation.visible import visible
from st_pipelines_tests.reconciliation.books import COMPANY, Books, as_found, document

HOSTILE = "<script>alert('x')</script>\u202eevil\x00 =cmd|'/c calc'!A1 \"onload=1"


def reconciliation(books: Books, **more: object) -> Reconciliation:
    source, ledger, target = books.sides()
    values = {
        "integration": "demo_qad", "companies": (COMPANY,), "target_system": "qad", "period": "2026-10",
        "made_at": datetime(2026, 11, 2, 12, tzinfo=UTC), "run_id": "r1", "totals": books.totals(),
        "causes": books.variances(), "flows": flow_states(triples(source, ledger, target)),
        "days": day_totals(source, target), "audit": AuditVerdict(True, "412 events, chain intact."),
        "names": {"account:4000": "Service Revenue", "unit:101": "HVAC Service"},
    }  # fmt: skip
    return Reconciliation(**(values | more))  # type: ignore[arg-type]


class Page(HTMLParser):
    """Reads a page as a browser would: its text, its elements and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def agreeing() -> Books:
    books = Books()
    for number in range(1, 40):
        books.post(
            document(number, 1_234 * number, unit="101" if number % 3 else "102", day=date(2026, 10, number % 28 + 1))
        )
    return books


def test_agreeing_books_say_so_and_show_every_total(agreeing: Books) -> None:
    page = Page(render_html(reconciliation(agreeing)))
    assert "The books agree." in page.text and "0.00 USD" in page.text
    assert "4000 Service Revenue" in page.text and "412 events, chain intact." in page.text
    assert "Company 10USA_10USACO" in page.text and "2026-11-02 12:00:00 UTC" in page.text
    assert sum(tag == "svg" for tag, _ in page.elements) == 2


def test_variance_is_the_figure_and_its_document_is_listed(agreeing: Books) -> None:
    del agreeing.target[4]
    result = reconciliation(agreeing)
    assert result.variance_minor == {"USD": 6_170} and not result.is_clean and result.has_alarm
    page = Page(render_html(result))
    assert "The books do not agree: 61.70 USD in 1 document." in page.text
    assert "ST:1:invoice:5" in page.text and "Missing in target" in page.text


def test_what_merely_waits_is_not_called_wrong(agreeing: Books) -> None:
    one = document(77, 5_000)
    agreeing.source.append(one)
    agreeing.ledger.append((one, "waiting", {"waiting_for": "ST:1:customer:7"}))
    result = reconciliation(agreeing)
    assert not result.is_clean and not result.has_alarm
    assert "Nothing is wrong in the target, but 50.00 USD in 1 document is not there yet." in render_html(result)


def test_variances_that_cancel_each_other_in_the_totals_still_count(agreeing: Books) -> None:
    agreeing.source.append(document(90, 900))
    agreeing.target.append(as_found(document(91, 900)))
    result = reconciliation(agreeing)
    assert result.variance_minor == {"USD": 1_800} and result.net_variance_minor == {"USD": 0}
    assert "cancel each other" in render_html(result)


def test_broken_audit_trail_is_an_alarm_even_when_the_books_agree(agreeing: Books) -> None:
    result = reconciliation(agreeing, audit=AuditVerdict(False, "event 17 does not continue event 16."))
    assert result.has_alarm and "event 17" in result.verdict()


def test_hostile_names_are_text(agreeing: Books) -> None:
    hold = Hold("customer.unknown", HOSTILE, HOSTILE, HOSTILE)
    agreeing.source.append(document(90, 900, disposition="held", hold=hold, label=HOSTILE))
    agreeing.target.append(replace(as_found(document(91, 900)), number=HOSTILE, url="javascript:alert(1)"))
    html = render_html(reconciliation(agreeing, names={"unit:101": HOSTILE, "account:4000": HOSTILE}, period=HOSTILE))
    page = Page(html)
    assert not [tag for tag, _ in page.elements if tag in ("script", "img", "iframe", "link", "object")]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "javascript:" not in html and "\u202e" not in html and "\x00" not in html
    assert "<script>alert('x')</script>" in page.text and "\\u202e" in page.text


@settings(deadline=None)
@given(st.text())
def test_any_text_stays_text_and_visible(text: str) -> None:
    shown = visible(text)
    assert not re.search("[\x00-\x1f\u202a-\u202e\u200b]", shown)


@settings(deadline=None)
@given(st.text())
def test_only_web_addresses_become_links(text: str) -> None:
    assert safe_link(text) == "" or text.lower().startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " https://x", "http:/x", "//x", "https://[x"]
)
def test_other_addresses_are_not_links(url: str) -> None:
    assert safe_link(url) == ""


def test_the_file_is_whole_private_and_self_contained(agreeing: Books, tmp_path: Path) -> None:
    path = reconciliation(agreeing).write_report(tmp_path / "reports" / "2026-10.html")
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>") and html.endswith("</html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["2026-10.html"]
    outside = [value for _, attributes in Page(html).elements for name, value in attributes.items()
               if name in ("src", "href") and value]  # fmt: skip
    assert outside == []


def test_markdown_has_one_line_a_row_whatever_the_names(agreeing: Books) -> None:
    agreeing.source.append(
        document(90, 900, disposition="held", hold=Hold("a|b", "x\ny", "<b>|*", "do | it"), label="n")
    )
    markdown = reconciliation(agreeing).to_markdown()
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert rows and all(re.search(r"(?<!\\)\|$", row) for row in rows)
    assert "<b>" not in markdown and "Held" in markdown and "9.00 USD" in markdown


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_cell_can_run_as_a_formula(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_csv_keeps_numbers_as_numbers_and_guards_text(agreeing: Books) -> None:
    agreeing.source.append(document(90, -900, disposition="held", hold=Hold("x", "=1+1", "", "=2"), label="@SUM(A1)"))
    result = reconciliation(agreeing)
    totals = list(csv.DictReader(io.StringIO(totals_csv(result), newline="")))
    assert len(totals) == result.totals.num_rows
    by_hand = sum(row.source_minor for row in result.rows if row.gl_account == "4000")
    assert sum(int(row["source"].replace(".", "")) for row in totals if row["gl_account"] == "4000") == by_hand
    (variance,) = csv.DictReader(io.StringIO(variances_csv(result), newline=""))
    assert variance["label"] == "'@SUM(A1)" and variance["cure"] == "'=2" and variance["source_total"] == "-9.00"


def test_second_witness_agrees_or_says_where_not(agreeing: Books) -> None:
    source, _, _ = agreeing.sides()
    sums: dict[tuple[str, str], int] = {}
    for line in source.lines.to_pylist():
        place = (line["business_unit"], line["gl_account"])
        sums[place] = sums.get(place, 0) + line["amount_minor"]
    rows = [{"business_unit": unit, "gl_account": account, "currency": "USD", "post_date": None,
             "debit": max(minor, 0), "credit": max(-minor, 0)} for (unit, account), minor in sums.items()]  # fmt: skip
    cents = pa.Table.from_pylist(rows)
    for column in ("debit", "credit"):  # exact: cents as decimal(…, 8) divided by a hundred
        values = pa.array([f"{row[column] // 100}.{row[column] % 100:02d}" for row in rows])
        cents = cents.set_column(cents.column_names.index(column), column, values.cast(pa.decimal128(23, 8)))
    journal = cents.select(JOURNAL_SUMMARY.names).cast(JOURNAL_SUMMARY)
    assert {row.difference_minor for row in compare_with_journal(journal, source)} == {0}
    (missing, *rest) = compare_with_journal(journal.slice(1), source)
    assert missing.difference_minor == sums[missing.business_unit, missing.gl_account] and rest
