"""ServiceTitan's ids at the port: text that is exactly one id becomes its number, everything else is refused."""

import pytest

from st_pipelines.systems.servicetitan.ids import number, numbers


def test_ids_become_numbers_once_and_in_order() -> None:
    assert numbers(["30", "4", "30"]) == [4, 30]


@pytest.mark.parametrize("text", ["", "0", "007", "-5", "5 ", "5\n", "5:2", "٣", "abc", "1" * 20])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no id of ServiceTitan"):
        number(text)
