"""Query before write: a dropped condition, a look-alike, a double or a hidden record is never «found» or «absent»."""

import pytest

from st_pipelines.systems.servicenow.answers import Ambiguous, NotProven, Untrusted
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines_tests.servicenow.hostile import Hostile

TABLE = "sn_shop_purchase_order"


@pytest.fixture
def orders(hostile: Hostile) -> list[dict[str, str]]:
    hostile.add_table("sn_shop_order", ["status"])
    hostile.add_table(TABLE, ["erp_number"], extends="sn_shop_order")
    return hostile.tables[TABLE]


def order(number: str, place: int = 1) -> dict[str, str]:
    return {"sys_id": f"{place:032x}", "erp_number": number, "status": "1", "sys_updated_on": "2026-10-01 00:00:00",
            "sys_mod_count": "0"}  # fmt: skip


def test_the_one_record_is_found_by_its_exact_value(orders: list[dict[str, str]], proof: Proof) -> None:
    orders += [order("PO^1", 1), order("PO2", 2)]
    found = proof.find(TABLE, "erp_number", "PO^1", ["status"])
    assert found == {"sys_id": f"{1:032x}", "erp_number": "PO^1", "status": "1"}
    assert proof.find(TABLE, "erp_number", "PO3") is None


def test_an_inherited_column_is_known_by_its_parent(orders: list[dict[str, str]], proof: Proof) -> None:
    assert "status" in proof.columns(TABLE, ["status", "erp_number", "sys_id"])


def test_a_column_that_is_not_there_is_never_asked_with(
    orders: list[dict[str, str]], hostile: Hostile, proof: Proof
) -> None:
    orders.append(order("PO1"))
    with pytest.raises(NotProven, match=rf"{TABLE}: it has no column erp_nummer"):
        proof.find(TABLE, "erp_nummer", "PO1")
    assert hostile.asked(TABLE) == []
    with pytest.raises(NotProven, match="no such table"):
        proof.columns("sn_shop_ordr", ["sys_id"])


def test_where_metadata_is_hidden_a_record_that_shows_the_column_proves_it(
    orders: list[dict[str, str]], hostile: Hostile, proof: Proof
) -> None:
    hostile.denied = {"sys_dictionary"}
    with pytest.raises(NotProven, match="cannot be told"):
        proof.find(TABLE, "erp_number", "PO1")  # no record yet
    orders.append(order("PO1"))
    assert proof.find(TABLE, "erp_number", "PO1") is not None
    with pytest.raises(NotProven, match="cannot be told"):
        proof.find(TABLE, "erp_nummer", "PO1")


def test_metadata_that_is_an_empty_list_is_hidden_not_absent(
    orders: list[dict[str, str]], hostile: Hostile, proof: Proof
) -> None:
    hostile.tables["sys_db_object"].clear()
    with pytest.raises(NotProven, match="every instance has"):
        proof.columns(TABLE, ["erp_number"])


def test_two_records_are_an_error_that_names_them(orders: list[dict[str, str]], proof: Proof) -> None:
    orders += [order("PO1", 1), order("PO1", 2)]
    with pytest.raises(Ambiguous, match=rf"{TABLE} PO1: 2 records have erp_number = 'PO1' .*{1:032x}, {2:032x}"):
        proof.find(TABLE, "erp_number", "PO1")


@pytest.mark.parametrize("held", ["po1", "PO1 "])
def test_a_look_alike_is_an_error_not_a_hit(held: str, orders: list[dict[str, str]], proof: Proof) -> None:
    orders.append(order(held))
    with pytest.raises(Untrusted, match=rf"{TABLE}: asked for erp_number = 'PO1', got '{held}'"):
        proof.find(TABLE, "erp_number", "PO1")


def test_a_record_that_may_not_be_read_is_not_absent(
    orders: list[dict[str, str]], hostile: Hostile, proof: Proof
) -> None:
    orders.append(order("PO1"))
    hostile.hidden = lambda table, row: table == TABLE
    with pytest.raises(Untrusted, match="exist and may not be read"):
        proof.find(TABLE, "erp_number", "PO1")
    with pytest.raises(Untrusted, match="exist and may not be read"):
        proof.find_many(TABLE, "erp_number", ["PO1", "PO2"])


def test_a_column_that_may_not_be_read_is_an_error(
    orders: list[dict[str, str]], hostile: Hostile, proof: Proof
) -> None:
    orders.append(order("PO1"))
    hostile.withheld = {"erp_number"}
    with pytest.raises(Untrusted, match="comes without erp_number"):
        proof.find(TABLE, "erp_number", "PO1")


def test_many_values_are_found_fifty_a_question(orders: list[dict[str, str]], hostile: Hostile, proof: Proof) -> None:
    orders += [order(f"PO{n}", n) for n in range(120)]
    found = proof.find_many(TABLE, "erp_number", [f"PO{n}" for n in range(60, 180)])
    assert sorted(found) == sorted(f"PO{n}" for n in range(60, 120))
    assert len(hostile.asked(TABLE)) == 3
    orders.append(order("PO61", 999))
    with pytest.raises(Ambiguous, match="PO61"):
        proof.find_many(TABLE, "erp_number", ["PO60", "PO61"])


def test_tables_are_learned_two_requests_for_all(orders: list[dict[str, str]], hostile: Hostile, proof: Proof) -> None:
    known = proof.dictionary.tables([TABLE, "sn_shop_order", "sys_user", "u_nothing"])
    assert known["u_nothing"] is None
    assert known[TABLE] is not None
    assert len(hostile.requests) == 2
    proof.columns(TABLE, ["erp_number"])
    assert len(hostile.requests) == 2
