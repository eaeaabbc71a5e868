"""What links by itself, what waits, and what is made. Nothing is ever the first of many."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.alignment.matching import Findings, Pair, match
from st_pipelines.alignment.scoring import scores
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines_tests.alignment.records import ELSEWHERE, HOME, source, target


def unscored(_: Sequence[PartyRecord], __: Sequence[PartyRecord]) -> Mapping[Pair, int]:
    return {}


def found(new: Sequence[PartyRecord], targets: Sequence[PartyRecord], *, known: Sequence[PartyRecord] = (),
          linked: Mapping[str, str] | None = None, separate: Sequence[Pair] = (), score: object = unscored
          ) -> Findings:  # fmt: skip
    return match(new, known, targets, linked=linked or {}, separate=set(separate), score=score)  # type: ignore[arg-type]


def certain(findings: Findings) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.source.reference, one.target.reference, one.by) for one in findings.certain]


def test_each_exact_key_links_where_it_is_unique() -> None:
    new = [
        source(1), source(2, emails=("Ann@Example.test",)), source(3, phones=("(512) 555-0103",)),
        source(4, "O'Brien & Sons", address=HOME), source(5, tax_id="12-3456789"),
    ]  # fmt: skip
    targets = [
        target(1, external_ids=("ST:1:customer:1",)), target(2, emails=("ann@example.test",)),
        target(3, phones=("+1 512 555 0103",)), target(4, "OBRIEN AND SONS INC", address=HOME),
        target(5, tax_id="123456789"),
    ]  # fmt: skip
    assert [by for _, _, by in certain(found(new, targets))] == [
        ("external_id",), ("email",), ("phone",), ("name_address",), ("tax_id",)
    ]  # fmt: skip


def test_two_candidates_wait() -> None:
    result = found([source(1, phones=("5125550101",))], [target(n, phones=("5125550101",)) for n in (1, 2)])
    assert not result.certain and len(result.doubtful["ST:1:customer:1"]) == 2 and not result.missing


def test_keys_that_point_to_two_records_wait_the_stronger_first() -> None:
    one = source(1, emails=("a@example.test",), phones=("5125550101",))
    result = found([one], [target(1, phones=("5125550101",)), target(2, emails=("a@example.test",))])
    assert [each.target.reference for each in result.doubtful[one.reference]] == [
        target(2).reference, target(1).reference
    ]  # fmt: skip


def test_a_contradicting_key_stops_the_link() -> None:
    one = source(1, emails=("a@example.test",), phones=("5125550101",))
    other = target(1, emails=("a@example.test",), phones=("5125559999",))
    (doubt,) = found([one], [other]).doubtful[one.reference]
    assert (doubt.by, doubt.against) == (("email",), ("phone",))


def test_a_record_that_belongs_to_another_source_party_is_not_taken() -> None:
    one, other = source(1, phones=("5125550101",)), target(1, phones=("5125550101",), external_ids=("ST:1:customer:9",))
    result = found([one], [other])
    assert not result.certain and result.doubtful[one.reference][0].against == ("external_id",)


def test_an_inactive_record_waits() -> None:
    one = source(1, emails=("a@example.test",))
    assert one.reference in found([one], [target(1, emails=("a@example.test",), is_active=False)]).doubtful


def test_a_name_alone_is_no_key() -> None:
    result = found([source(1, "Smith & Sons", address=HOME)], [target(1, "Smith & Sons", address=ELSEWHERE)])
    assert not result.certain and len(result.missing) == 1


def test_two_source_parties_that_are_the_same_both_wait() -> None:
    twins = [source(1, emails=("a@example.test",)), source(2, emails=("a@example.test",))]
    result = found(twins, [])
    assert set(result.doubtful) == {"ST:1:customer:1", "ST:1:customer:2"} and not result.missing
    apart = found(twins, [], separate=[("ST:1:customer:1", "ST:1:customer:2")])
    assert len(apart.missing) == 2


def test_a_twin_of_a_linked_party_waits_and_says_so() -> None:
    first, second = source(1, emails=("a@example.test",)), source(2, emails=("a@example.test",))
    there = target(1, emails=("a@example.test",))
    result = found([second], [there], known=[first], linked={first.reference: there.reference})
    assert result.doubtful[second.reference][0].linked_to == first.reference


def test_a_phone_that_a_linked_party_has_too_makes_no_twin() -> None:
    first, second = source(1, phones=("5125550101",)), source(2, phones=("5125550101",))
    there = target(1, phones=("5125550101",))
    assert found([second], [there], known=[first], linked={first.reference: there.reference}).missing == [second]


def test_parties_told_apart_are_not_proposed_again() -> None:
    one, other = source(1, emails=("a@example.test",)), target(1, emails=("a@example.test",))
    assert found([one], [other], separate=[(one.reference, other.reference)]).missing == [one]


def test_a_likely_one_waits_and_an_unlikely_one_is_made() -> None:
    like = source(1, "Barros Bakery", address=HOME)
    unlike = source(2, "Kim Logistics", address=ELSEWHERE)
    result = found([like, unlike], [target(1, "Baros Bakery", address=HOME)], score=scores)
    (doubt,) = result.doubtful[like.reference]
    assert doubt.score > 900 and not result.certain and result.missing == [unlike]


def test_scores_are_the_same_today_and_tomorrow() -> None:
    one, other = [source(1, "Barros Bakery", address=HOME)], [target(1, "Baros Bakery", address=HOME)]
    assert scores(one, other) == scores(one, other)


numbers = st.integers(0, 3)
emails = st.sampled_from(["", "a@example.test", "b@example.test"])
phones = st.sampled_from(["", "5125550101", "5125550102"])
parties = st.lists(st.tuples(emails, phones, st.booleans()), max_size=5)


@given(parties, parties, st.dictionaries(numbers, numbers, max_size=2))
def test_nobody_is_linked_to_two_and_everybody_is_in_one_place(
    here: list[tuple[str, str, bool]], there: list[tuple[str, str, bool]], before: dict[int, int]
) -> None:
    def kept(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value for value in values if value)

    sources = [source(n, emails=kept((mail,)), phones=kept((phone,))) for n, (mail, phone, _) in enumerate(here)]
    targets = [target(n, emails=kept((mail,)), phones=kept((phone,)), is_active=on)
               for n, (mail, phone, on) in enumerate(there)]  # fmt: skip
    linked = {f"ST:1:customer:{one}": target(other).reference for one, other in before.items()}
    linked = {one: other for one, other in linked.items() if list(linked.values()).count(other) == 1}
    new = [one for one in sources if one.reference not in linked]
    result = found(new, targets, known=sources, linked=linked)
    pairs = certain(result)
    assert len({one for one, _, _ in pairs}) == len({other for _, other, _ in pairs}) == len(pairs)
    assert not {other for _, other, _ in pairs} & set(linked.values())
    places = [one for one, _, _ in pairs] + list(result.doubtful) + [one.reference for one in result.missing]
    assert sorted(places) == sorted(one.reference for one in new)
