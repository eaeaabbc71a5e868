"""Frames that contradict themselves are a defect of the reading side: nothing is mapped, and the text says what."""

import pytest

from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.intake import BrokenFrames
from st_pipelines.mapping.invoices import map_invoices
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines_tests.mapping import given


def test_a_document_twice() -> None:
    with pytest.raises(BrokenFrames, match="ST:1234567:invoice:1' is there twice"):
        given.invoices([given.invoice(), given.invoice(2), given.invoice()], [given.item()])


def test_a_line_without_its_document() -> None:
    with pytest.raises(BrokenFrames, match="a line of 'ST:1234567:invoice:2' came without"):
        given.invoices([given.invoice()], [given.item(), given.item(2)])


def test_a_document_of_another_tenant() -> None:
    with pytest.raises(BrokenFrames, match="ST:999:invoice:1' is not a document of 'ST:1234567:'"):
        given.invoices([given.invoice(doc_key="ST:999:invoice:1")], [])
    with pytest.raises(BrokenFrames, match="ST:12345678:invoice:1"):
        given.invoices([given.invoice(doc_key="ST:12345678:invoice:1")], [])


def test_a_missing_column() -> None:
    documents = given.table([given.invoice()], given.INVOICE_SOURCE).drop_columns(["terms"])
    lines = given.table([given.item()], given.INVOICE_LINE_SOURCE)
    with pytest.raises(BrokenFrames, match="lacks terms"):
        map_invoices(documents, lines, given.demo(), given.reference(), given.OPTIONS)


def test_nothing_gives_nothing() -> None:
    for frames in (given.invoices([], []), given.payments([], []), given.bills([], []), MappedFrames.empty()):
        assert (frames.documents.num_rows, frames.lines.num_rows) == (0, 0)
        assert list(mapped_documents(frames)) == []


def test_nulls_count_as_blanks() -> None:
    nulls = given.one_invoice(
        {"eligibility": None, "unreadable": None, "adjusts_key": None, "summary": None},
        {"business_unit": None, "description": None},
    )
    assert nulls == given.one_invoice({"summary": ""}, {"description": ""})


def test_a_blank_currency_is_the_one_of_the_integration() -> None:
    assert given.one_invoice({"currency": None}).currency == "USD"


def test_lines_of_one_sequence_have_one_order() -> None:
    lines = [given.item(sequence=1, source_id=name, amount=50) for name in ("b", "a")]
    one, other = (given.invoices([given.invoice()], order) for order in (lines, lines[::-1]))
    assert one.lines.equals(other.lines)


def test_mapped_documents_refuse_frames_that_do_not_belong_together() -> None:
    good = given.invoices([given.invoice(), given.invoice(2)], [given.item(), given.item(2)])
    with pytest.raises(ValueError, match="twice"):
        list(mapped_documents(MappedFrames(given.pa.concat_tables([good.documents] * 2), good.lines)))
    with pytest.raises(ValueError, match="without its document"):
        list(mapped_documents(MappedFrames(good.documents.slice(0, 1), good.lines)))


def test_mapped_documents_do_not_depend_on_the_order_of_rows() -> None:
    good = given.invoices([given.invoice(), given.invoice(2)], [given.item(), given.item(2)])
    turned = MappedFrames(good.documents.take([1, 0]), good.lines.take([3, 1, 0, 2]))
    assert list(mapped_documents(turned)) == list(mapped_documents(good))


def test_the_frames_survive_parquet(tmp_path: given.Path) -> None:
    import pyarrow.parquet as pq

    frames = given.parties([given.party()])
    pq.write_table(frames.documents, tmp_path / "documents.parquet")
    read = MappedFrames(pq.read_table(tmp_path / "documents.parquet"), frames.lines)
    assert list(mapped_documents(read)) == list(mapped_documents(frames))
