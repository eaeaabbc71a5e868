"""What the Dagster UI is given to show: outside text is text, and addresses hold no path of their own."""

from types import SimpleNamespace

from st_pipelines.assets.metadata import links, table
from st_pipelines.assets.posted import _address

LINK = "https://erp.example.com/invoice?entity={company}&number={number}"


def test_an_address_quotes_what_it_is_given() -> None:
    one = SimpleNamespace(number="A/1&admin=1", company="10USA_10USACO", external_ref="", target_id="", kind="")
    assert _address(LINK, one) == "https://erp.example.com/invoice?entity=10USA_10USACO&number=A%2F1%26admin%3D1"


def test_a_name_that_looks_like_markup_stays_a_name() -> None:
    shown = links([("17 Smith](javascript:alert) <b>\u202e", "https://erp.example.com/17")])
    assert shown.value == (
        "- [17 Smith\\]\\(javascript:alert\\) \\<b\\>\\\\u202e](<https://erp.example.com/17>)"
    )  # fmt: skip


def test_a_table_shows_invisible_characters() -> None:
    rows = table([{"about": "Smith\u202e"}], ["about"]).value
    assert rows.records[0].data == {"about": "Smith\\u202e"}  # type: ignore[union-attr]
