"""Column arithmetic against ``Decimal``: equal to the last digit, for every sign, tie and currency."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np
import pyarrow as pa
from hypothesis import given as examples
from hypothesis import strategies as st

from st_pipelines.documents.frames import AMOUNT
from st_pipelines.mapping.amounts import Amounts, Sums, exact, half_up, product, sums

UNITS = st.sampled_from([10**8, 10**6, 10**5])  # JPY, USD, KWD


def amounts(places: int = 8, most: int = 10**10 - 1) -> st.SearchStrategy[Decimal]:
    return st.decimals(-most, most, places=places, allow_nan=False, allow_infinity=False)


# Values around ties are where rounding goes wrong: x.xx5 and its neighbours.
TIES = st.builds(
    lambda whole, part: Decimal(whole) + part.copy_sign(Decimal(whole or 1)),
    st.integers(-1000, 1000),
    st.sampled_from([Decimal(text) for text in ("0.005", "0.00499999", "0.00500001", "0.5", "0.49999999", "0.0005")]),
)
SOME = st.lists(amounts() | amounts(4, 10**6) | TIES, max_size=12)


def column(values: list[Decimal | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, AMOUNT)])


def value(whole: int, rest: int = 0) -> Decimal:
    with localcontext(prec=60):
        return Decimal(whole).scaleb(-8) + Decimal(rest).scaleb(-16)


def rounded(amount: Decimal, unit: int) -> int:
    with localcontext(prec=60):
        return int((amount / Decimal(unit).scaleb(-8)).quantize(Decimal(1), ROUND_HALF_UP))


@examples(SOME)
def test_a_column_is_read_exactly(values: list[Decimal]) -> None:
    found = exact(column([*values]))
    assert [value(one) for one in found.whole.tolist()] == values
    assert found.present.all()


def test_a_slice_of_a_column_is_read_from_its_own_place() -> None:
    whole = pa.array([Decimal(1), Decimal(2), None, Decimal(4)], AMOUNT)
    found = exact(whole.slice(1, 2))
    assert (found.whole.tolist(), found.present.tolist()) == ([200_000_000, 0], [True, False])


def test_what_does_not_fit_is_absent_never_wrapped() -> None:
    found = exact(column([Decimal("9999999999.99999999"), Decimal(10**10), Decimal(-(10**10)), Decimal(10**14), None]))
    assert found.present.tolist() == [True, False, False, False, False]
    assert found.whole.tolist()[1:] == [0, 0, 0, 0]


@examples(SOME, UNITS)
def test_rounding_is_half_up_away_from_zero(values: list[Decimal], unit: int) -> None:
    found = half_up(exact(column([*values])), np.full(len(values), unit))
    assert found.tolist() == [rounded(one, unit) for one in values]


@examples(st.lists(st.tuples(amounts(8, 9999) | TIES, amounts(8, 9999) | TIES), max_size=12), UNITS)
def test_products_keep_all_sixteen_decimals(pairs: list[tuple[Decimal, Decimal]], unit: int) -> None:
    found = product(column([one for one, _ in pairs]), column([two for _, two in pairs]))
    rests = [0] * len(pairs) if found.rest is None else found.rest.tolist()
    with localcontext(prec=60):
        expected = [one * two for one, two in pairs]
    assert [value(*one) for one in zip(found.whole.tolist(), rests, strict=True)] == expected
    assert half_up(found, np.full(len(pairs), unit)).tolist() == [rounded(one, unit) for one in expected]


def test_a_product_that_may_not_fit_is_absent() -> None:
    big = Decimal(10**6)
    found = product(column([big, big, None]), column([big, Decimal(9), Decimal(1)]))
    assert found.present.tolist() == [False, True, False]


@examples(st.lists(SOME, max_size=5), UNITS)
def test_sums_are_exact_for_each_document(documents: list[list[Decimal]], unit: int) -> None:
    lines = [one for document in documents for one in document]
    bounds = np.cumsum([0, *(len(document) for document in documents)])
    units = np.full(len(documents), unit)
    found = sums(exact(column([*lines])), units, bounds)
    for place, document in enumerate(documents):
        with localcontext(prec=60):
            total = sum(document, Decimal(0))
        assert value(int(found.minor[place]) * unit + int(found.part[place]), int(found.rest[place])) == total
        assert int(found.half_up(units)[place]) == rounded(total, unit)


@examples(amounts(8, 9999) | TIES, amounts(8, 9999) | TIES, UNITS)
def test_a_stated_amount_agrees_exactly_or_rounded_and_not_otherwise(one: Decimal, other: Decimal, unit: int) -> None:
    def single(amount: Decimal) -> Amounts:
        return exact(column([amount]))

    units = np.array([unit])
    step = Decimal(unit).scaleb(-8)
    whole = rounded(one, unit) * step
    added = Sums.of(single(one), units)
    assert added.agrees(single(one), units)[0]
    assert added.agrees(single(whole), units)[0]
    assert added.agrees(single(other), units)[0] == (other in (one, whole))
    assert not added.agrees(single(whole + step), units)[0] or whole + step == one
