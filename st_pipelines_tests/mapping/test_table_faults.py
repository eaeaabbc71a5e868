"""A broken mapping file: nothing is loaded, and every fault is told at once with file, line and column."""

from pathlib import Path

import pytest

from st_pipelines.mapping.tables import MappingErrors
from st_pipelines_tests.mapping import given

UNITS = "business_unit_id,name,domain,entity,cost_center,sub_account,valid_from,valid_to\n"
GOOD = "101,HVAC Service,10USA,10USACO,1100,01,,\n"
ACCOUNTS = "business_unit_id,item,item_type,gl_hint,gl_account\n"
TYPES = "payment_type_id,name,bank_account\n"


def faults(folder: Path, **files: str | bytes) -> list[str]:
    for path in given.DEMO.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MappingErrors) as raised:
        given.load_mapping(folder, given.FINANCIAL)
    assert str(raised.value) == "\n".join(map(str, raised.value.errors))
    return [str(error) for error in raised.value.errors]


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("payment_types", TYPES.replace("name", "nmae") + "501,Cash,1030\n",
         "payment_types.csv:1:17: nmae: unknown column 'nmae'"),
        ("payment_types", "payment_type_id,name\n501,Cash\n", "payment_types.csv:1:1: bank_account: the column is"),
        ("payment_types", "payment_type_id,name,name,bank_account\n", "csv:1:22: name: the column is there"),
        ("payment_types", "", "payment_types.csv:1:1: the file is empty"),
        ("payment_types", TYPES + "501,Cash\n", "payment_types.csv:2:5: the line has 2 cells, the header has 3"),
        ("payment_types", TYPES + "501,Cash,1030,\n", "payment_types.csv:2:15: the line has 4 cells"),
        ("payment_types", TYPES + "\n501,Cash,1030\n", "payment_types.csv:2:1: an empty line"),
        ("payment_types", TYPES + "501,,1030\n", "payment_types.csv:2:5: name: must not be blank"),
        ("payment_types", TYPES + ",Cash,1030\n", "payment_types.csv:2:1: payment_type_id: must not be blank"),
        ("payment_types", TYPES + "501, Cash,1030\n", "payment_types.csv:2:5: name: has spaces around 'Cash'"),
        ("payment_types", TYPES + "501,Cash\u00a0,1030\n", "payment_types.csv:2:5: name: has spaces around 'Cash'"),
        ("payment_types", TYPES + "501,Ca\tsh,1030\n", "csv:2:5: name: holds the invisible character U+0009"),
        ("payment_types", TYPES + "501,Ca\u200bsh,1030\n", "csv:2:5: name: holds the invisible character U+200B"),
        ("payment_types", TYPES + "501,\u202eCash,1030\n", "csv:2:5: name: holds the invisible character U+202E"),
        ("payment_types", TYPES + '501,"Cash,1030\n', "payment_types.csv:2:5: a broken quotation"),
        ("payment_types", TYPES + '501,Ca"sh,1030\n', "payment_types.csv:2:5: a broken quotation"),
        ("payment_types", TYPES + "501,Cash,1030\n501,Cash,1030\n",
         "payment_types.csv:3:1: payment_type_id: duplicate of line 2: payment_type_id '501'"),
        ("business_units", UNITS + GOOD.replace("01,,", "01,2026-13-01,"),
         "business_units.csv:2:40: valid_from: '2026-13-01' is not a day"),
        ("business_units", UNITS + GOOD.replace("01,,", "01,20260101,"),
         "business_units.csv:2:40: valid_from: '20260101' is not a day; write YYYY-MM-DD"),
        ("business_units", UNITS + GOOD.replace("01,,", "01,2026-02-01,2026-01-31"),
         "business_units.csv:2:51: valid_to: 2026-01-31 lies before valid_from 2026-02-01"),
        ("business_units", UNITS + GOOD.replace("10USA,", "10_USA,", 1),
         "business_units.csv:2:18: domain: '10_USA' does not look like a domain"),
        ("business_units", UNITS + GOOD.replace("01,,", "01,,2026-06-30") + GOOD.replace("01,,", "01,2026-06-30,"),
         "business_units.csv:3:40: valid_from: overlaps line 2 (to 2026-06-30)"),
        ("business_units", UNITS + GOOD.replace("01,,", "01,,2026-06-29") + GOOD.replace("01,,", "01,2026-07-01,"),
         "a hole after line 2: business_unit_id '101' has no row from 2026-06-30 to 2026-06-30"),
        ("charge_accounts", "business_unit_id,charge,gl_account\n,postage,5200\n",
         "charge_accounts.csv:2:2: charge: 'postage' is none of tax, freight, other"),
        ("terms", "role,name,credit_terms\nclient,Net 15,N15\n", "terms.csv:2:1: role: 'client' is none of customer"),
        ("invoice_accounts", ACCOUNTS.replace("\n", ",analysis\n") + ",,Service,,4000,all\n",
         "invoice_accounts.csv:2:17: analysis: 'all' is none of"),
        ("invoice_accounts", ACCOUNTS + ",,,,4000\n", "invoice_accounts.csv:2:2: item: fill at least one of"),
        ("invoice_accounts", ACCOUNTS + "101,,,,4000\n", "a row without them would be a default account"),
        ("invoice_accounts", ACCOUNTS + "101,,Service,,4000\n,SVC-DIAG,Service,,4001\n",
         "invoice_accounts.csv:3:2: item: as specific as line 2: a line can match both business_unit_id '101', "
         "item_type 'Service' and item 'SVC-DIAG', item_type 'Service'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(tmp_path: Path, table: str, text: str, told: str) -> None:
    found = faults(tmp_path, **{table: text})
    assert any(told in one for one in found), found


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, payment_types=TYPES + ",Cash,1030\n501, Cash,\n", terms="role,name\n", tax_zones="")
    assert [one.split(": ")[0] for one in found] == [
        "payment_types.csv:2:1", "payment_types.csv:3:5", "payment_types.csv:3:11", "tax_zones.csv:1:1",
        "terms.csv:1:1",
    ]  # fmt: skip


def test_a_missing_file_is_a_fault_not_an_empty_table(tmp_path: Path) -> None:
    for path in given.DEMO.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "terms.csv").unlink()
    with pytest.raises(MappingErrors, match=r"^terms\.csv:1:1: the file is missing"):
        given.load_mapping(tmp_path, given.FINANCIAL)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            TYPES.encode() + "501,Barzahlung für alle,1030\n".encode("cp1252"),
            "payment_types.csv:2:17: byte 0xfc is not UTF-8",
        ),
        (b"\xef\xbb\xbf" + TYPES.encode() + b"501,\xff,1030\n", "payment_types.csv:2:5: byte 0xff is not UTF-8"),
        ((TYPES + "501,Cash,1030\n").encode("utf-16"), "looks like UTF-16"),
    ],
)
def test_another_encoding_is_refused_where_it_first_shows(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in faults(tmp_path, payment_types=content)[0]


def test_an_overlap_is_found_behind_a_short_row(tmp_path: Path) -> None:
    rows = [("2026-01-01", "2026-12-31"), ("2026-02-01", "2026-02-28"), ("2026-05-01", "2026-05-31")]
    text = UNITS + "".join(GOOD.replace("01,,", f"01,{first},{last}") for first, last in rows)
    found = faults(tmp_path, business_units=text)
    assert [one.split(";")[0][:60] for one in found] == [
        "business_units.csv:3:40: valid_from: overlaps line 2 (from 2",
        "business_units.csv:4:40: valid_from: overlaps line 2 (from 2",
    ]


def test_equally_specific_rows_are_fine_where_no_line_can_match_both(tmp_path: Path) -> None:
    text = ACCOUNTS + "101,,Service,,4000\n,SVC-DIAG,Material,,4100\n102,,Material,,4100\n"
    with pytest.raises(MappingErrors):  # the second and third row could both match a material of unit 102
        given.tables(tmp_path, invoice_accounts=text)
    given.tables(tmp_path, invoice_accounts=text.replace("102,,Material", "102,,Equipment"))


def test_equally_specific_rows_are_fine_on_different_days(tmp_path: Path) -> None:
    header = ACCOUNTS.replace("\n", ",valid_from,valid_to\n")
    text = header + "101,,Service,,4000,,2026-06-30\n,SVC-DIAG,Service,,4001,2026-07-01,\n"
    given.tables(tmp_path, invoice_accounts=text)
