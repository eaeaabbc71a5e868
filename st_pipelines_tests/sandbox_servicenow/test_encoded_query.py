"""The encoded query: text to conditions and back for any value, and what each operator selects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.sandbox.servicenow.encoded_query import (
    BARE,
    COMPARING,
    Condition,
    EncodedQuery,
    Order,
    escape,
    parse,
    render,
)
from st_pipelines_tests.sandbox_servicenow.api import Api

SUPPLIERS = "sn_fin_supplier"
_fields = st.from_regex(r"[a-z][a-z0-9_]{0,6}(\.[a-z][a-z0-9_]{0,6})?", fullmatch=True)
_conditions = st.one_of(
    st.builds(Condition, _fields, st.sampled_from(BARE)),
    st.builds(Condition, _fields, st.sampled_from(COMPARING), st.text(max_size=12)),
).filter(lambda one: one.operator + one.value[:1] not in (">=", "<=") or one.value == "")
_groups = st.lists(_conditions, min_size=1, max_size=3).map(tuple)
_alternatives = st.lists(_groups, min_size=1, max_size=3).map(tuple)
_queries = st.builds(
    EncodedQuery,
    st.lists(_alternatives, max_size=3).map(tuple),
    st.lists(st.builds(Order, _fields, st.booleans()), max_size=2).map(tuple),
)


@given(_queries)
def test_a_query_survives_its_text(query: EncodedQuery) -> None:
    assert parse(render(query)) == query


@given(_fields, st.text(max_size=40))
def test_any_value_survives_an_equal_sign(field: str, value: str) -> None:
    """No caret, newline or word in a value makes another condition of it."""
    assert parse(f"a=1^{field}={escape(value)}^b=2").alternatives == (
        ((Condition("a", "=", "1"),), (Condition(field, "=", value),), (Condition("b", "=", "2"),)),
    )


@given(st.text(max_size=60))
def test_nothing_is_refused(text: str) -> None:
    parse(text)


def test_or_joins_the_neighbour_only_and_nq_starts_anew() -> None:
    query = parse("a=1^b>2^ORb=2^s>x^NQc=3^ORDERBYd^ORDERBYDESCe")
    first, second = query.alternatives
    assert [[one.field for one in group] for group in first] == [["a"], ["b", "b"], ["s"]]
    assert second == ((Condition("c", "=", "3"),),)
    assert query.order == (Order("d"), Order("e", True))
    assert parse("ORDERBYd^NQa=1").order == () and parse("a=1^EQ").alternatives == parse("a=1").alternatives


@pytest.fixture
def three(api: Api) -> Api:
    for name, tax, city, day in (
        ("Alpha", "10", "Austin", "2026-01-05"), ("Beta^Co", "9", "", "2026-02-05"), ("gamma", "", "Waco", ""),
    ):  # fmt: skip
        api.create(SUPPLIERS, name=name, tax_id=tax, city=city, onboarded_date=day, erp_company_code=name.upper())
    return api


@pytest.mark.parametrize(("query", "names"), [
    ("name=alpha", "Alpha"), ("name!=alpha", "Beta^Co gamma"), ("name=Beta^^Co", "Beta^Co"), ("name=Beta^Co", ""),
    ("nameLIKEa", "Alpha Beta^Co gamma"), ("nameCONTAINSphA", "Alpha"), ("nameNOTLIKEmm", "Alpha Beta^Co"),
    ("nameSTARTSWITHg", "gamma"), ("nameENDSWITHco", "Beta^Co"), ("nameINAlpha,gamma", "Alpha gamma"),
    ("nameNOT INAlpha,gamma", "Beta^Co"), ("cityISEMPTY", "Beta^Co"), ("cityISNOTEMPTY", "Alpha gamma"),
    ("cityEMPTYSTRING", "Beta^Co"), ("onboarded_date>2026-01-05", "Beta^Co"),
    ("onboarded_date>=2026-01-05", "Alpha Beta^Co"),
    ("onboarded_date<2026-02-01", "Alpha"), ("onboarded_dateBETWEEN2026-01-01@2026-01-31", "Alpha"), ("tax_id>9", ""),
    ("erp_company_codeSAMEASname", ""), ("erp_company_codeNSAMEASname", "Alpha Beta^Co gamma"),
    ("cityANYTHING", "Alpha Beta^Co gamma"),
    ("name=Alpha^ORname=gamma^cityLIKEw", "gamma"), ("name=Alpha^NQname=gamma^cityLIKEw", "Alpha gamma"),
    ("u_bogus=1^name=gamma", "gamma"), ("u_bogus=1", "Alpha Beta^Co gamma"), ("u_bogus=1^ORname=gamma", "gamma"),
    ("Name=gamma", "Alpha Beta^Co gamma"), ("nameliKEg", "Alpha Beta^Co gamma"),
    ("onboarded_date>2026-01-05T00:00:00Z", "Alpha Beta^Co gamma"), ("gl_account.number=4000", ""),
    ("gl_account.u_bogus=4000", "Alpha Beta^Co gamma"),
])  # fmt: skip
def test_what_a_query_selects(three: Api, query: str, names: str) -> None:
    assert " ".join(row["name"] for row in three.rows(SUPPLIERS, f"{query}^ORDERBYname")) == names


def test_the_property_turns_a_dropped_condition_into_no_rows(three: Api) -> None:
    admin = three.user("admin")
    row = admin.one("sys_properties", "name=glide.invalid_query.returns_no_rows")
    admin.change("sys_properties", row["sys_id"], value="true")
    assert three.rows(SUPPLIERS, "u_bogus=1^name=gamma") == [] and len(three.rows(SUPPLIERS, "name=gamma")) == 1


def test_case_counts_where_the_database_says_so(three: Api) -> None:
    three.control("settings", {"case_sensitive": True})
    assert three.rows(SUPPLIERS, "name=alpha") == [] and len(three.rows(SUPPLIERS, "name=Alpha")) == 1


def test_numbers_and_amounts_compare_and_sort_as_numbers(api: Api) -> None:
    for number, amount in (("P1", "9.5"), ("P2", "10"), ("P3", "USD;100.00")):
        api.create("sn_shop_purchase_order", erp_number=number, total_amount=amount)
    rows = api.rows("sn_shop_purchase_order", "total_amount>9.50^ORDERBYDESCtotal_amount")
    assert [row["erp_number"] for row in rows] == ["P3", "P2"]


def test_conditions_and_orders_walk_along_references(api: Api) -> None:
    for code in ("S2", "S1"):
        supplier = api.create(SUPPLIERS, name=f"Supplier {code}", erp_company_code=code)
        api.create("sn_shop_purchase_order", erp_number=f"P-{code}", supplier=supplier["sys_id"])
    rows = api.rows("sn_shop_purchase_order", "supplier.erp_company_codeSTARTSWITHs^ORDERBYsupplier")
    assert [row["erp_number"] for row in rows] == ["P-S1", "P-S2"]
    assert len(api.rows("sn_shop_purchase_order", "supplier.erp_company_code=S2")) == 1


def test_a_literal_is_utc_and_a_generated_date_is_in_the_users_zone(api: Api) -> None:
    admin = api.user("admin")
    user = admin.one("sys_user", "user_name=qad.integration")
    admin.change("sys_user", user["sys_id"], time_zone="America/Chicago")
    api.create(SUPPLIERS, name="Made at noon UTC")
    assert len(api.rows(SUPPLIERS, "sys_updated_on>=2026-11-02 12:00:00")) == 1
    assert api.rows(SUPPLIERS, "sys_updated_on>=javascript:gs.dateGenerate('2026-11-02','12:00:00')") == []
    assert len(api.rows(SUPPLIERS, "sys_updated_on>=javascript:gs.dateGenerate('2026-11-02','06:00:00')")) == 1


def test_the_naive_keyset_loses_rows_and_the_right_one_does_not(api: Api) -> None:
    first = api.create(SUPPLIERS, name="a")
    api.wait(1)
    later = [api.create(SUPPLIERS, name=name) for name in "bcdefgh"]
    stamp, key = first["sys_updated_on"], first["sys_id"]
    order = "ORDERBYsys_updated_on^ORDERBYsys_id"
    naive = api.rows(SUPPLIERS, f"sys_updated_on>{stamp}^ORsys_updated_on={stamp}^sys_id>{key}^{order}")
    right = api.rows(SUPPLIERS, f"sys_updated_on>{stamp}^NQsys_updated_on={stamp}^sys_id>{key}^{order}")
    assert [row["sys_id"] for row in right] == sorted(row["sys_id"] for row in later)
    assert len(naive) == sum(row["sys_id"] > key for row in later)
