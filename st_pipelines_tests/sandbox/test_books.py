"""The record store: what was acknowledged is there, exactly, after anything."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.sandbox.books import Books

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "delete"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["", "x", "xy", "y", "ü"]),
    ),
    max_size=40,
)


def test_records_survive_in_the_file_with_exact_amounts(tmp_path: Path) -> None:
    books = Books(tmp_path / "b.db")
    record = {
        "amount": Decimal("0.10"),
        "big": Decimal("123456789012345.67"),
        "n": 7,
        "name": "Søn",
        "lines": [{"a": 1}],
    }
    books.put("thing", "1", record)
    # not closed: a killed process does not close either
    again = Books(tmp_path / "b.db")
    assert again.get("thing", "1") == record
    assert str(again.get("thing", "1")["amount"]) == "0.10"  # type: ignore[index]


def test_a_record_reads_the_same_before_and_after_a_restart(tmp_path: Path) -> None:
    books = Books(tmp_path / "b.db")
    before = books.put("thing", "1", {"amount": Decimal("5"), "tuple": (1, 2)})
    assert Books(tmp_path / "b.db").get("thing", "1") == before
    assert {name: type(value) for name, value in before.items()} == {"amount": int, "tuple": list}


def test_a_float_is_refused_at_any_depth() -> None:
    with pytest.raises(TypeError, match="float"):
        Books().put("thing", "1", {"lines": [{"amount": 0.1}]})


def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    books = Books(tmp_path / "b.db")
    books.put("thing", "old", {"v": 1})
    assert books.find("thing", "v", 1) and books.between("thing", "name") == []
    with pytest.raises(ZeroDivisionError), books.transaction():
        books.put("thing", "old", {"v": 2, "name": "n"})
        books.put("thing", "new", {"v": 3, "name": "m"})
        books.next_number("series")
        raise ZeroDivisionError
    for held in (books, Books(tmp_path / "b.db")):
        assert held.all("thing") == [{"v": 1}]
        assert held.find("thing", "v", 2) == [] and held.between("thing", "name") == []
        assert held.next_number("series") == 1
        held.clear()
        held.put("thing", "old", {"v": 1})


@given(ORDERS)
def test_indexes_always_agree_with_a_plain_search(orders: list[tuple[str, str, str]]) -> None:
    books, model = Books(), dict[str, str]()
    for what, key, value in orders:
        if what == "put":
            books.put("thing", key, {"key": key, "v": value})
            model[key] = value
        elif key in model:
            books.delete("thing", key)
            del model[key]
        for sought in ("", "x", "xy"):
            assert {r["key"] for r in books.find("thing", "v", sought)} == {k for k, v in model.items() if v == sought}
        found = [(r["v"], r["key"]) for r in books.between("thing", "v", "x", "xz")]
        assert found == sorted((v, k) for k, v in model.items() if "x" <= v <= "xz")
        assert [r["key"] for r in books.all("thing")] == list(model)
    books.close()


def test_true_is_not_one_and_lists_can_be_sought() -> None:
    books = Books()
    books.put("thing", "1", {"v": True})
    books.put("thing", "2", {"v": 1})
    books.put("thing", "3", {"v": ["a"]})
    assert [len(books.find("thing", "v", value)) for value in (True, 1, ["a"], None)] == [1, 1, 1, 0]


def test_number_series_go_on_after_a_restart(tmp_path: Path) -> None:
    books = Books(tmp_path / "b.db")
    assert [books.next_number("a"), books.next_number("a"), books.next_number("b", 100)] == [1, 2, 100]
    again = Books(tmp_path / "b.db")
    assert [again.next_number("a"), again.next_number("b")] == [3, 101]
    assert again.entities() == []
