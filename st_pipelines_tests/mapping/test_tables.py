"""Mapping tables that are in order: what is read, what the version covers, what leaves again."""

from pathlib import Path

import pytest

from st_pipelines.mapping.export import FormulaCell, table_text
from st_pipelines.mapping.tables import load_mapping
from st_pipelines_tests.mapping import given

TYPES = "payment_type_id,name,bank_account\n501,Cash,1030\n502,Check,1030\n"


def test_the_demo_tables_are_in_order() -> None:
    mapping = given.demo()
    assert {row["business_unit_id"] for row in mapping["business_units"].rows} == {
        "101",
        "102",
        "103",
        "104",
        "105",
        "106",
    }
    assert len(mapping.version) == 64


def version(folder: Path, text: str | bytes) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    given.tables(folder)
    (folder / "payment_types.csv").write_bytes(content)
    return load_mapping(folder, given.FINANCIAL).version


def test_the_version_ignores_what_means_nothing(tmp_path: Path) -> None:
    first = version(tmp_path, TYPES)
    assert version(tmp_path, TYPES.replace("\n", "\r\n")) == first
    assert version(tmp_path, b"\xef\xbb\xbf" + TYPES.encode()) == first
    assert version(tmp_path, TYPES.rstrip("\n")) == first
    assert version(tmp_path, 'payment_type_id,name,bank_account\n502,"Check",1030\n501,Cash,1030\n') == first
    assert version(tmp_path, "bank_account,payment_type_id,name\n1030,501,Cash\n1030,502,Check\n") == first
    with_dates = "payment_type_id,name,bank_account,valid_from,valid_to\n501,Cash,1030,,\n502,Check,1030,,\n"
    assert version(tmp_path, with_dates) == first


def test_the_version_changes_with_any_meaning(tmp_path: Path) -> None:
    first = version(tmp_path, TYPES)
    assert version(tmp_path, TYPES.replace("Cash", "cash")) != first
    assert version(tmp_path, TYPES.replace("Cash,1030", "Cash,1020")) != first
    assert version(tmp_path, TYPES + "503,Card,1020\n") != first


def test_quoted_cells_keep_commas_and_quotes(tmp_path: Path) -> None:
    version(tmp_path, TYPES.replace("Cash", '"Cash, ""till"" 1"'))
    assert '501: Cash, "till" 1' in [
        f"{row['payment_type_id']}: {row['name']}"
        for row in load_mapping(tmp_path, given.FINANCIAL)["payment_types"].rows
    ]


def test_what_is_exported_reads_back_to_the_same_version(tmp_path: Path) -> None:
    files = {name: table_text(table) for name, table in given.demo().tables.items()}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    assert load_mapping(tmp_path, given.FINANCIAL).version == given.demo().version


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_formula_is_read_as_text_and_never_written(tmp_path: Path, start: str) -> None:
    version(tmp_path, TYPES.replace("Cash", f"{start}1+1"))
    table = load_mapping(tmp_path, given.FINANCIAL)["payment_types"]
    assert any(row["name"] == f"{start}1+1" for row in table.rows)
    with pytest.raises(FormulaCell, match=r"payment_types\.csv:2: name: .* formula"):
        table_text(table)
