"""Who has the say of a field: the owner, or whose content moved; where both moved nobody decides but a person."""

import pytest

from st_pipelines.alignment.fields import Owners, Settled, at_one, at_rest, moved, seen, settle
from st_pipelines.documents.parties import FIELDS
from st_pipelines_tests.alignment.records import source, target

LAST: Owners = {"email": "last_change"}


def mail(written: str) -> tuple[str, ...]:
    return (written,) if written else ()


def decided(here: str, there: str, before: tuple[str, str] | None) -> Settled:
    agreed = {}
    if before is not None:
        agreed = seen(source(1, emails=mail(before[0])), "source") | seen(target(1, emails=mail(before[1])), "target")
    return settle(LAST, source(1, emails=mail(here)), target(1, emails=mail(there)), agreed)


@pytest.mark.parametrize(
    ("here", "there", "before", "outcome"),
    [
        ("a@x.test", "a@x.test", None, "keep"), ("a@x.test", "", None, "write"), ("", "a@x.test", None, "keep"),
        ("a@x.test", "b@x.test", None, "conflict"),
        ("a@x.test", "a@x.test", ("a@x.test", "a@x.test"), "keep"),
        ("b@x.test", "a@x.test", ("a@x.test", "a@x.test"), "write"),
        ("a@x.test", "b@x.test", ("a@x.test", "a@x.test"), "keep"),
        ("b@x.test", "c@x.test", ("a@x.test", "a@x.test"), "conflict"),
        ("b@x.test", "b@x.test", ("a@x.test", "a@x.test"), "keep"),
        ("", "a@x.test", ("a@x.test", "a@x.test"), "write"),
        # The target keeps it in a form of its own (cut, folded): at rest all the same.
        ("long.name@x.test", "long.name@x.te", ("long.name@x.test", "long.name@x.te"), "keep"),
    ],
)  # fmt: skip
def test_the_last_change_of_content_decides(
    here: str, there: str, before: tuple[str, str] | None, outcome: str
) -> None:
    settled = decided(here, there, before)
    said = "conflict" if settled.conflicts else "keep" if "email" in settled.keeps else "write"
    assert said == outcome


def test_owners_do_not_look_at_what_moved() -> None:
    owners: Owners = {"name": "target", "phone": "source"}
    settled = settle(owners, source(1, "New", phones=("5125550101",)), target(1, "Old", phones=("5125550102",)), {})
    assert settled == Settled(("name",), []) and at_rest(owners) == ("name",)


def test_a_change_of_the_other_side_is_not_forgotten_by_a_write() -> None:
    """The source's phone was written while the target's e-mail had moved: the e-mail is still to travel."""
    here, there = source(1, phones=("5125550101",), emails=mail("a@x.test")), target(1, emails=mail("b@x.test"))
    fresh = at_one(here, there, {"phone"})
    assert "phone.target" in fresh and "email.target" not in fresh


def test_what_we_wrote_ourselves_is_no_news() -> None:
    record = source(1, emails=mail("a@x.test"), phones=("(512) 555-0101",))
    same = source(1, emails=mail("A@x.test"), phones=("5125550101",))
    owners: Owners = dict.fromkeys(FIELDS, "last_change")
    assert not moved(same, "source", seen(record, "source"), owners)
    assert moved(source(1, emails=mail("b@x.test")), "source", seen(record, "source"), owners)
