"""The control room: from the lineage to a backfill of two days to the control totals that prove it, all by clicking."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIRST, LAST = "2026-10-05", "2026-10-06"
RUN_MS = 240_000  # the daemon looks twice a minute; a run of two days takes seconds
ENDED = re.compile("^(Success|Succeeded|Failure|Failed|Completed|Completed with failures|Canceled)$")
LAYERS = ("source", "mapped", "posted", "reconciled", "period")

Keep = Callable[[str], None]

pytestmark = pytest.mark.timeout(900)  # daemon, webserver and browser share the processors with whatever else runs


def _materialize(page: "Page", job: str) -> None:
    page.goto(f"/locations/st_pipelines/jobs/{job}", wait_until="domcontentloaded")
    page.get_by_role("button", name="Materialize all").click()


def _open_when_done(page: "Page", launched: str) -> str:
    """From the note that something was launched to its page in the list of runs; gives how it ended."""
    note = page.get_by_text(re.compile(f"^{launched} [a-z0-9]+"))
    note.wait_for()
    name = note.inner_text().split()[-1]
    page.locator("a[href='/runs']").first.click()
    row = page.locator("[data-index], tr").filter(has_text=name).last
    row.get_by_text(ENDED).first.wait_for(timeout=RUN_MS)
    ended = row.get_by_text(ENDED).first.inner_text()
    page.get_by_role("link", name=name).first.click()
    return ended


@pytest.fixture(scope="module")
def backfilled(page: "Page", keep: Keep) -> "Page":
    """Reference data first, as the README says; then two days as one backfill."""
    _materialize(page, "demo_qad_reference")
    assert _open_when_done(page, "Launched run") == "Success"

    _materialize(page, "demo_qad_daily")
    dialog = page.get_by_role("dialog")
    days = dialog.locator("input[type=text]")
    days.fill(f"[{FIRST}...{LAST}]")
    days.press("Enter")
    dialog.get_by_text("2 partitions").first.wait_for()
    keep("2-backfill-dialog")
    dialog.get_by_role("button", name="Launch backfill").click()
    ended = _open_when_done(page, "Created backfill")
    page.get_by_text("% completed").first.wait_for()
    keep("3-backfill")
    assert ended == "Success", ended
    return page


def test_the_lineage_reads_from_servicetitan_to_the_period(page: "Page", address: str, keep: Keep) -> None:
    page.goto(address, wait_until="domcontentloaded")
    places = []
    for layer in LAYERS:
        box = page.locator("foreignObject, svg").get_by_text(re.compile(f"demo_.*_{layer}$")).first
        box.wait_for()
        bounds = box.bounding_box()
        assert bounds is not None, layer
        places.append(bounds["x"])
    keep("1-lineage")
    assert places == sorted(places)
    assert len(set(places)) == len(LAYERS)


def test_a_backfill_of_two_days_succeeds(backfilled: "Page") -> None:
    backfilled.get_by_text("100% completed").wait_for()
    backfilled.get_by_text("2 partitions").wait_for()


def _open_day(page: "Page", asset: str, day: str) -> str:
    page.goto(f"/assets/demo_qad/{asset}?view=partitions&partition={day}", wait_until="domcontentloaded")
    page.get_by_text("control_totals").wait_for()
    return page.locator("body").inner_text()


def test_the_posted_day_shows_its_control_totals(backfilled: "Page", keep: Keep) -> None:
    shown = _open_day(backfilled, "posted/invoices", LAST)
    keep("4-posted-invoices")
    for text in (
        "741.07 USD",
        "1200 Accounts Receivable",
        "102 HVAC Install",
        "number_in_books",
        "ST:1234567:invoice:",
    ):
        assert text in shown, text


def test_the_reconciled_day_shows_three_sides_and_no_variance(backfilled: "Page", keep: Keep) -> None:
    shown = _open_day(backfilled, "reconciled/invoices", LAST)
    keep("5-reconciled-invoices")
    assert "The books agree." in shown
    for side in ("source", "ledger", "target", "variance"):
        assert side in shown


def test_the_check_says_that_the_variance_is_zero(backfilled: "Page", keep: Keep) -> None:
    backfilled.goto("/assets/demo_qad/reconciled/invoices?view=checks", wait_until="domcontentloaded")
    backfilled.get_by_text("Passed", exact=True).first.wait_for()
    keep("6-check")
    assert "0.00 USD" in backfilled.locator("body").inner_text()


def test_an_asset_says_what_it_means_for_the_books(backfilled: "Page", keep: Keep) -> None:
    backfilled.goto("/assets/demo_qad/posted/invoices", wait_until="domcontentloaded")
    backfilled.get_by_text("posted once through the ledger").first.wait_for()
    keep("7-posted-overview")
    backfilled.get_by_role("button", name="Plots").click()
    backfilled.locator("canvas").first.wait_for()
    keep("8-posted-plots")


def test_schedules_are_off_and_the_sensors_of_the_demo_listen(backfilled: "Page", keep: Keep) -> None:
    from playwright.sync_api import expect

    backfilled.goto("/automation", wait_until="domcontentloaded")
    backfilled.get_by_text("At 12:30 AM").first.wait_for()
    for name, is_on in (("alerts", True), ("demo_qad_sealing", False), ("demo_qad_events", True),
                        ("dagster_history", False)):  # fmt: skip
        row = backfilled.locator("[data-index], tr").filter(has_text=name).last
        switch = row.locator("input[type=checkbox]").last
        expect(switch).to_be_enabled()  # it is drawn before its state is known
        expect(switch).to_be_checked(checked=is_on)
    keep("9-automation")
