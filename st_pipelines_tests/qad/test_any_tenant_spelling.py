"""A tenant that spells every path, array, member, key, field and parameter otherwise needs a profile, no code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.sandbox.qad import served as served_module
from st_pipelines.systems.qad.matching import goods
from st_pipelines.systems.qad.reads import ENTITIES, read_reference
from st_pipelines.systems.qad.validate import validate
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.goods import PROFILE as GOODS_PROFILE
from st_pipelines_tests.qad.goods import invoice as took
from st_pipelines_tests.qad.samples import BOOKS, bill, invoice, payment
from st_pipelines_tests.qad.tenant import Tenant, tenant

_SERVED = Path(served_module.__file__).with_name("served.yaml")


def _other(name: str) -> str:
    return f"zz_{name[:1].upper()}{name[1:]}"


def _others(names: Mapping[str, str]) -> dict[str, str]:
    return {ours: _other(wire) for ours, wire in names.items()}


def _respelled_profile(of: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(of.read_text())
    content["workspace"]["header"] = "x-other-books"
    content["auth"]["token_path"] = "/sign/in"
    for name in ("page", "size", "action", "first", "next", "filter", "browse_id"):
        content["paging"][name] = f"q{content['paging'][name]}"
    content["paging"]["rows"] = "rowsHere"
    content["paging"]["more"] = "tail.isThereMore"
    content["metadata"] |= {"array": "meta", "fields": "parts", "name": "n", "max_length": "len", "required": "must"}
    for listed in (content["workspace"]["list"], content["metadata"], *content["entities"].values()):
        listed["data_wrapper"] = (
            "envelope" if listed not in (content["workspace"]["list"], content["metadata"]) else "data"
        )
    for name, entity in content["entities"].items():
        entity["path"] = f"/api/other/v9/{name.lower()}.list"
        entity["array"] = f"arrayOf{name}"
        if entity.get("view_uri"):
            entity["view_uri"] = f"urn:other:{name}"
        if entity.get("browse_id"):
            entity["browse_id"] = f"urn:other:browse:{name}"
        for part in ("keys", "fields", "identity"):
            entity[part] = _others(entity.get(part, {}))
        for part in ("defaults", "code_lists"):
            entity[part] = {_other(wire): value for wire, value in entity.get(part, {}).items()}
        entity["max_length"] = {_dotted(wire): value for wire, value in entity.get("max_length", {}).items()}
        entity["truncate"] = [_dotted(wire) for wire in entity.get("truncate", [])]
        entity["nested"] = {
            logical: {"array": _other(array["array"]), "fields": _others(array["fields"])}
            for logical, array in entity.get("nested", {}).items()
        }
    return content


def _dotted(wire: str) -> str:
    return ".".join(_other(part) for part in wire.split("."))


def _respelled_server(of: Path, profile: Mapping[str, Any]) -> dict[str, Any]:
    """What to lay over ``served.yaml`` so that the sandbox speaks the same other spelling."""
    ours: dict[str, Any] = yaml.safe_load(of.read_text())["entities"]
    served: dict[str, Any] = yaml.safe_load(_SERVED.read_text())
    paging = profile["paging"]
    entities: dict[str, Any] = {}
    for name, described in served["entities"].items():
        logical = next((one for one, entity in ours.items() if entity["path"] == described["path"]), None)
        if logical is None:
            continue
        respelled = profile["entities"][logical]
        names = {*described["fields"], *described["keys"], *described.get("nested", {})} - {"<<"}
        names |= {field for fields in described.get("nested", {}).values() for field in fields}
        entities[name] = {
            "path": respelled["path"], "array": respelled["array"], "rename": {one: _other(one) for one in names},
            **({"view_uri": respelled["view_uri"]} if respelled.get("view_uri") else {}),
            **({"browse_id": respelled["browse_id"]} if respelled.get("browse_id") else {}),
        }  # fmt: skip
    return {
        "token_path": "/sign/in", "workspace_header": "x-other-books", "data_wrapper": "envelope", "entities": entities,
        "paging": {
            **{name: paging[name] for name in ("page", "size", "action", "first", "next", "filter", "browse_id")},
            "rows": "rowsHere", "more_in": "tail", "more": "isThereMore",
        },
        "metadata": {"array": "meta", "fields": "parts", "name": "n", "type": "t", "max_length": "len",
                     "required": "must"},
    }  # fmt: skip


@contextmanager
def _respelled(of: Path, folder: Path, tokens: Engine) -> Iterator[Tenant]:
    profile = _respelled_profile(of)
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
    (folder / "served.yaml").write_text(yaml.safe_dump(_respelled_server(of, profile)))
    extra = {"served": str(folder / "served.yaml"), "procurement": "yes"}
    with tenant(tokens, profile=folder / "profile.yaml", extra=extra) as made:
        yield made


@pytest.fixture
def other(tmp_path: Path, tokens: Engine) -> Iterator[Tenant]:
    with _respelled(samples.PROFILE, tmp_path, tokens) as made:
        yield made


def test_every_kind_lives_its_life_under_other_names(other: Tenant) -> None:
    assert [str(fault) for fault in validate(other.client, days=[samples.DAY])] == []
    other.target.check_company(BOOKS)
    other.customer()
    other.vendor()
    sale, cost, cash = invoice(), bill(), payment(applied={7001: "97.43"})
    for document in (sale, cost, cash):
        outcome = other.post(document)
        assert outcome.target_id.startswith("10USACO|A")
        (found,) = other.target.find(document.kind, BOOKS, [document.doc_key])[document.doc_key]
        assert other.target.differences(document, found) == []
    for document in (cash, cost, sale):
        other.post(document, op="void", previous=document)
    for kind, count in (("customer_invoice", 2), ("supplier_invoice", 2), ("customer_payment", 1)):
        listed = list(other.target.list_posted(kind, BOOKS, date(2026, 10, 1), date(2026, 10, 31)))
        assert len(listed) == count
        assert sum(line.amount_minor for one in listed for line in one.control) == 0
    paths = {one["path"] for one in other.writes()}
    assert paths
    assert all("/api/other/v9/" in path for path in paths)


def test_its_reference_data_is_the_same(other: Tenant, tmp_path: Path) -> None:
    for entity in ENTITIES:
        if entity not in ("customers", "suppliers"):
            assert read_reference(other.client, entity).num_rows > 0, entity


def test_an_invoice_takes_goods_under_other_names(tmp_path: Path, tokens: Engine) -> None:
    with _respelled(GOODS_PROFILE, tmp_path, tokens) as other:
        received: dict[tuple[str, int], int] = {}
        for row in other.state("receipts"):
            key = (row["purchaseOrderNumber"], row["purchaseOrderLine"])
            received[key] = received.get(key, 0) + row["quantityReceived"]
        of_company = {row["purchaseOrderNumber"]: row["supplierCode"] for row in other.state("purchase_orders")
                      if (row["shipToSite"], row["currencyCode"]) == ("100", "USD")}  # fmt: skip
        price = {(row["purchaseOrderNumber"], row["purchaseOrderLine"]): row["purchaseCost"]
                 for row in other.state("purchase_order_lines")}  # fmt: skip
        order, line = next(key for key, pieces in received.items() if pieces > 1 and key[0] in of_company)
        wanted = OrderLineKey(order, str(line))
        assert goods(other.client, BOOKS, [wanted])[wanted] == Goods(Decimal(received[order, line]))
        taking = took(1, of_company[order], (order, line, str(received[order, line]), str(price[order, line])))
        other.post(taking)
        (found,) = other.target.find("supplier_invoice", BOOKS, [taking.doc_key])[taking.doc_key]
        assert other.target.differences(taking, found) == []
        assert (found.content["matched"], found.content["hold"]) == (str(taking.total), "0.00")
        assert goods(other.client, BOOKS, [wanted])[wanted].open == 0
        again = took(2, of_company[order], extra=(samples.line(1, "5200", "9.00", "freight"),),
                     supplier_reference="INV-1")  # fmt: skip
        (said,) = other.target.look_alikes([other.write(again)]).values()
        assert f"posted as {taking.doc_key}" in said
