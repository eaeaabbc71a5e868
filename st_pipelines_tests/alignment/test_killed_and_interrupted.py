"""Parties are made once whatever breaks on the way: killed processes, lost answers, a run that ends in between."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines.alignment import links
from st_pipelines.integrations.parties_back import send_back
from st_pipelines_tests.integrations.company import Company, started

PROGRAM = (
    "from st_pipelines.integrations.parties_back import send_back; "
    "from st_pipelines.integrations.registry import load_integration; "
    "from st_pipelines.integrations.session import Session; from st_pipelines.settings import Settings; "
    "settings = Settings(); session = Session(load_integration(settings.mappings / 'demo_qad'), settings).__enter__(); "
    "print('ready', flush=True); send_back(session, 'customer', 'killed', 'test')"
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    home: Path = tmp_path_factory.mktemp("killed") / "home"
    with started(home, settings={"known_parties": "yes"}) as made:
        made.connect(servicetitan={"quiet_period_s": 0.7, "timeout_s": 8.0})
        yield made


def made_in_servicetitan(company: Company) -> Counter[str]:
    """Names of customers that ServiceTitan did not have, with how often it has them now."""
    return Counter(one["name"] for one in company.records("servicetitan", "customers") if one["id"] > 90_000_000)


def settled(company: Company) -> None:
    for _ in range(8):
        with company.session() as session:
            send_back(session, "customer", "settle", "test")
        if not company.rows("SELECT 1 FROM posting WHERE state IN ('planned', 'sending', 'unknown')"):
            return
        time.sleep(0.8)
    raise AssertionError(company.rows("SELECT doc_key, state, reason FROM posting WHERE state <> 'posted'"))


def test_killed_again_and_again_and_with_lost_answers_each_is_made_once(company: Company) -> None:
    company.arm(
        "servicetitan",
        {"action": "apply_then_drop", "count": 1, "match": {"method": "POST", "path": "/customers"}},
        {"action": "delay", "seconds": 0.4, "count": 50, "match": {"method": "POST", "path": "/customers"}},
    )
    for pause in (0.2, 0.9, 1.6):
        with company._process(PROGRAM) as process:
            assert process.stdout is not None and process.stdout.readline().strip() == "ready"
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
    company.disarm()
    settled(company)
    names = made_in_servicetitan(company)
    assert names and set(names.values()) == {1}, names
    assert len(names) == 3, names
    linked = company.rows(
        "SELECT count(*) AS n FROM party_link WHERE state = 'linked' AND how = 'created in the source'"
    )
    assert linked[0].n == 3


def test_a_run_that_ends_before_its_links_are_written_is_finished_by_the_next(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor is made, and then the process ends: the next pass links it and makes nothing."""

    def end(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(links, "record_created", end)
    with company.session() as session, pytest.raises(KeyboardInterrupt):
        send_back(session, "vendor", "ended", "test")
    monkeypatch.undo()
    with company.session() as session:
        assert send_back(session, "vendor", "next", "test").sent == 0
    rows = company.rows("SELECT source_id FROM party_link WHERE target_id = 'QAD:SUPP:vendor:V00051'")
    assert len(rows) == 1
