"""Reference tables that cannot be trusted are refused."""

import pyarrow as pa
import pytest

from st_pipelines.mapping.reference import BrokenReference, names
from st_pipelines_tests.mapping import given


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BrokenReference, match="gl_accounts: the reference table lacks is_project_account"):
        given.reference(gl_accounts=given.accounts().drop_columns(["is_project_account"]))


def test_one_code_with_two_meanings_is_refused() -> None:
    two = pa.concat_tables([given.codes("1100"), given.codes(inactive=["1100"])])
    with pytest.raises(BrokenReference, match="'1100' is there twice, active and inactive"):
        given.reference(cost_centers=two)
    chart = pa.concat_tables([given.accounts(), given.accounts(a4000="inactive")])
    with pytest.raises(BrokenReference, match="'4000' is there twice"):
        given.reference(gl_accounts=chart)


def test_an_unknown_limitation_or_flag_is_refused() -> None:
    with pytest.raises(BrokenReference, match="'4000' has an unreadable flag or limitation 'Perhaps'"):
        given.reference(gl_accounts=given.accounts(a4000="=Perhaps"))
    with pytest.raises(BrokenReference, match="without code or without is_active"):
        given.reference(tax_codes=pa.table({"code": ["A"], "is_active": pa.array([None], pa.bool_())}))


def test_names_of_the_source_are_kept_by_id_as_text() -> None:
    assert names(pa.table({"id": [101, 102], "name": ["One", None]})) == {"101": "One", "102": ""}
