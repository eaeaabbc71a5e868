"""Where single documents stand is told in the words of the totals, and agrees with them."""

from collections import Counter

from sqlalchemy import Engine

from st_pipelines.posting.standing import standing
from st_pipelines.posting.totals import documents
from st_pipelines_tests.posting.cases import CONTEXT, document, held, key, plan, send, void
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks


def test_each_document_stands_where_the_totals_count_it(engine: Engine) -> None:
    target = FakeTarget(MemoryBooks())
    plan(engine, [document(1, "10.00"), document(2, "20.00")])
    send(engine, target)
    plan(engine, [void(2, "20.00"), document(3, "30.00", needs=("ST:1234:invoice:99",)), held(4), document(5)])
    keys = [key(number) for number in range(1, 7)]
    found = standing(engine, CONTEXT.integration, keys)
    assert list(found) == keys[:5]  # in the order asked for; what the ledger has never seen is absent
    said = {one: (found[one].state, found[one].settled) for one in found}
    assert said[key(1)] == ("posted", True) and found[key(1)].amount_minor == 1000
    assert said[key(2)] == ("planned", False)
    assert said[key(3)] == ("waiting", True)
    assert said[key(4)] == ("held", True)
    assert said[key(5)] == ("planned", False)
    totals = {total.key[0]: total.count for total in documents(engine, CONTEXT.integration, ("state",))}
    assert Counter(one.state for one in found.values()) == totals


def test_nothing_asked_is_nothing_told(engine: Engine) -> None:
    assert standing(engine, CONTEXT.integration, []) == {}
