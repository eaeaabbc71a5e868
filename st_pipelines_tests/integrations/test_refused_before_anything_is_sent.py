"""A configuration that is not right stops a run before it sends, in words that say what to do; once it is mended the
same run goes through, and nothing was lost or doubled.

Everything is asked for with the command itself, as a user or a scheduler would. Each single fault of a mapping table is
in ``mapping/test_table_faults.py``, how keys are kept in ``credentials/test_keys_are_well_kept.py``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.integrations.company import MONTH, Company, copied_mappings, edit, started

DAYS = MONTH[2:5]
RUN = ("run", "--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat())


@pytest.fixture
def company(read_month: Path, tmp_path: Path) -> Iterator[Company]:
    """The month read and mapped, nothing posted; its mapping folder is its own."""
    mappings = copied_mappings(tmp_path / "mappings")
    with started(tmp_path / "home", copied_from=read_month, mappings=mappings) as opened:
        yield opened


def asked(company: Company, *systems: str) -> int:
    """How many requests the sandboxes have seen."""
    return sum(company.control(system, "log")["total"] for system in systems or ("servicetitan", "qad"))


def writes(company: Company) -> list[str]:
    """What was sent to QAD to be kept."""
    seen = company.control("qad", "log")["requests"]
    return [one["path"] for one in seen if one["method"] == "POST" and "/api/erp/" in one["path"]]


def said(company: Company, *arguments: str) -> tuple[int, str]:
    """Exit code and all words, whatever lines they were broken into."""
    ran = company.here(*arguments, "--json")
    return ran.code, " ".join((ran.out + ran.err).split())


def goes_through(company: Company) -> None:
    """The same days, once mended: everything of them is in the books, once."""
    ran = company.here(*RUN, "--json")
    assert ran.code == 0, ran
    assert ran.json["sent"] == len(writes(company)) > 0
    live, wanted = company.live(), company.wanted()  # fails where anything stands twice
    assert live and live == {key: amount for key, amount in wanted.items() if key in live}
    again = company.here(*RUN, "--json")
    assert (again.code, again.json["sent"]) == (0, 0)


def test_a_control_account_that_differs_is_named_in_both_files_and_stops_everything(company: Company) -> None:
    file = company.mappings / "demo_qad" / "integration.yaml"
    edit(file, lambda text: text.replace('receivable: "1200"', 'receivable: "1210"'))
    for arguments, expected in (
        (("integrations", "check"), 2), (("connections", "ping", "demo_qad"), 1), (RUN, 2), (("resolve",), 2)
    ):  # fmt: skip
        code, words = said(company, *arguments)
        assert code == expected, words
        for named in (
            "entities.customerInvoice.control_account",
            "options.control_accounts.receivable",
            "1200",
            "1210",
        ):
            assert named in words, (arguments, words)
        assert "control account of payments" in words and "control account of bills" not in words
    assert asked(company) == 0
    edit(file, lambda text: text.replace('receivable: "1210"', 'receivable: "1200"'))
    goes_through(company)


def test_a_flow_that_is_off_needs_no_control_account_to_agree(company: Company) -> None:
    file = company.mappings / "demo_qad" / "integration.yaml"
    edit(file, lambda text: text.replace('payable: "2000"', 'payable: "2010"'))
    code, words = said(company, "integrations", "check")
    assert code == 2 and "options.control_accounts.payable" in words and "receivable" not in words
    edit(file, lambda text: text.replace("flows: [customers, vendors, invoices, payments, bills]",
                                         "flows: [customers, invoices, payments]"))  # fmt: skip
    assert company.here("integrations", "check").code == 0


def test_a_broken_mapping_table_is_named_by_file_line_and_column_and_nothing_is_asked(company: Company) -> None:
    file = company.mappings / "demo_qad" / "business_units.csv"
    edit(file, lambda text: text.replace("103,Plumbing Service,10USA", "103,Plumbing Service,10 USA"))
    code, words = said(company, *RUN)
    assert code == 2 and "business_units.csv:4:22" in words and "domain" in words, words
    assert asked(company) == 0
    edit(file, lambda text: text.replace("10 USA", "10USA"))
    goes_through(company)


def test_a_broken_profile_is_named_by_file_and_line_and_nothing_is_asked(company: Company) -> None:
    file = company.mappings / "demo_qad" / "qad_profile.yaml"
    edit(file, lambda text: text.replace("      amount: invoiceAmountTC\n", "      amuont: invoiceAmountTC\n", 1))
    for arguments in (("integrations", "check"), ("connections", "ping", "demo_qad"), RUN):
        code, words = said(company, *arguments)
        assert code == 2 and "qad_profile.yaml:" in words and "amount is missing" in words, words
    assert asked(company) == 0
    edit(file, lambda text: text.replace("amuont", "amount"))
    goes_through(company)


@pytest.mark.parametrize("harm", ["missing", "readable by others", "garbled"])
def test_a_key_that_is_missing_or_badly_kept_refuses_to_start(company: Company, harm: str) -> None:
    key = company.settings.master_key_file
    kept = key.read_bytes()
    if harm == "missing":
        key.unlink()
    elif harm == "garbled":
        key.write_text("not a key\n")
    else:
        key.chmod(0o644)
    for arguments in (RUN, ("connections", "ping", "demo_qad"), ("integrations", "check")):
        code, words = said(company, *arguments)
        assert code == 2 and str(key) in words, words
        assert ("chmod 600" in words) == (harm == "readable by others")
        assert kept.decode().strip() not in words
    assert asked(company) == 0
    key.write_bytes(kept)
    key.chmod(0o600)
    goes_through(company)


def test_the_wrong_company_behind_a_url_gets_nothing(company: Company) -> None:
    """A pin that the API user cannot reach, and credentials of another ServiceTitan tenant."""
    file = company.mappings / "demo_qad" / "integration.yaml"
    edit(file, lambda text: text.replace("10USA_20USACO]", "10USA_30USACO]"))
    code, words = said(company, "connections", "ping", "demo_qad")
    assert code == 1 and "10USA_30USACO" in words
    code, words = said(company, *RUN)
    assert code == 3 and "10USA_30USACO" in words, words
    assert writes(company) == [] and not company.rows("SELECT 1 FROM posting WHERE state <> 'planned'")
    edit(file, lambda text: text.replace("10USA_30USACO]", "10USA_20USACO]").replace('"1234567"', '"7654321"'))
    code, words = said(company, *RUN)
    assert code == 2 and "7654321" in words and "1234567" in words, words
    assert writes(company) == []
    edit(file, lambda text: text.replace('"7654321"', '"1234567"'))
    company.connect(qad={"base_url": company.sandbox["servicetitan"]})
    code, words = said(company, *RUN)
    assert code == 2 and "demo_qad" in words and "To do: check the token URL" in words, words
    assert not company.rows("SELECT 1 FROM posting WHERE state <> 'planned'")
    company.connect()
    goes_through(company)


def test_a_page_that_stays_broken_stops_the_day_and_loses_nothing(company: Company) -> None:
    company.arm("servicetitan", {"action": "truncate", "count": None, "match": {"path": "/accounting/.*/payments"}})
    code, words = said(company, *RUN)
    assert code == 3 and "demo_servicetitan payments" in words, words
    assert writes(company) == [] and not company.rows("SELECT 1 FROM posting")
    assert company.disarm()["servicetitan truncate"] >= 3, "it was asked for more than once"
    goes_through(company)


def test_missing_permissions_are_named_with_their_cure_by_ping(company: Company) -> None:
    refused = {"action": "status", "status": 403, "count": None}
    company.arm("servicetitan", {**refused, "match": {"path": "/receipts"}},
                {**refused, "match": {"path": "/journal-entries"}},
                {**refused, "match": {"path": "/invoices/markasexported"}})  # fmt: skip
    company.arm("qad", {"action": "forbidden", "count": None, "match": {"path": "/costCentres"}})
    pinged = company.here("connections", "ping", "demo_servicetitan", "--json")
    faults = [one["fault"] for one in pinged.json["faults"]]
    assert pinged.code == 1 and len(faults) == 4, faults
    assert "tn.inv.receipts:r" in faults[0] and "developer portal" in faults[0]
    assert "tn.acc.journalentries:r" in faults[1] and "options.second_witness" in faults[1]
    assert "tn.acc.invoices:w" in faults[2] and "may not be marked as exported" in faults[2]
    assert "tn.acc.journalentries:w" in faults[3] and "may not be told" in faults[3]
    pinged = company.here("connections", "ping", "demo_qad", "--json")
    faults = [one["fault"] for one in pinged.json["faults"]]
    assert pinged.code == 1 and len(faults) == 1 and faults[0].startswith("costCentre: no permission"), faults
    assert "grant the API user's role access" in faults[0]
    assert company.here(*RUN).code == 3 and writes(company) == []

    file = company.mappings / "demo_qad" / "integration.yaml"
    for switched, off in (("second_witness: journal_entries", "second_witness: none"),
                          ("mark_exported: true", "mark_exported: false"),
                          ("journal_sync: true", "journal_sync: false")):  # fmt: skip
        file.write_text(file.read_text().replace(switched, off))
    edit(file, lambda text: text.replace("payments, bills]", "payments]"))
    pinged = company.here("connections", "ping", "demo_servicetitan", "--json")
    assert (pinged.code, pinged.json["faults"]) == (0, []), "only what is switched on is needed"
    edit(file, lambda text: text.replace("payments]", "payments, bills]"))
    company.disarm()
    goes_through(company)
