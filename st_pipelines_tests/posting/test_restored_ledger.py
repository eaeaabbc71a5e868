"""A ledger restored from an old backup honestly believes that it has not yet posted: it must not be able to act on that
(L15)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_pipelines.audit.high_water import HighWaterMark, LedgerRestored, MarkFault
from st_pipelines.credentials.keyring import Keyring
from st_pipelines.integrations.recovery import begin_epoch
from st_pipelines.posting.recover import CannotRecover, Recovered, read_back_open
from st_pipelines_tests.posting.backups import copied, opened_copy
from st_pipelines_tests.posting.cases import CONTEXT, FAST, document, events, key, plan, prove, rows, send, states, void
from st_pipelines_tests.posting.fake_target import REFUSE, FakeTarget

KEYS = Keyring([b"k" * 32])


@pytest.fixture
def mark(tmp_path: Path) -> HighWaterMark:
    return HighWaterMark(tmp_path / "keys" / "ledger.mark", KEYS)


@pytest.fixture
def backup(engine: Engine, target: FakeTarget, mark: HighWaterMark, tmp_path: Path) -> str:
    """Two posted invoices, one update and one void still planned, two new ones planned; then a backup."""
    plan(engine, [document(number) for number in range(4)])
    send(engine, target, mark=mark)
    plan(engine, [document(2, "90.00"), void(3), document(4), document(5, "50.00")])
    return copied(engine, tmp_path)


@pytest.fixture
def restored(engine: Engine, target: FakeTarget, mark: HighWaterMark, backup: str, tmp_path: Path) -> Iterator[Engine]:
    """After the backup: everything planned was posted, and a document that the backup has never seen."""
    send(engine, target, mark=mark)
    plan(engine, [document(6, "60.00"), document(4, "44.00")])
    send(engine, target, mark=mark)
    target.sent.clear()
    opened = opened_copy(backup, tmp_path)
    yield opened
    opened.dispose()


def recover(engine: Engine, target: FakeTarget, mark: HighWaterMark) -> Recovered:
    found, standing = Recovered(), mark.look(engine)
    last_sent = standing.mark.recorded_at if standing.mark else None
    read_back_open(engine, target, CONTEXT, ["10USA"], found, settings=FAST, clock=target.clock, last_sent_us=last_sent)
    begin_epoch(engine, mark, standing, {"demo": found}, by="Ann", reason="disk failure")
    return found


def test_a_restored_ledger_sends_nothing(restored: Engine, target: FakeTarget, mark: HighWaterMark) -> None:
    before = [row.state for row in rows(restored)]
    with pytest.raises(LedgerRestored, match="it was restored: nothing is sent until `st-pipelines database recover`"):
        send(restored, target, mark=mark)
    assert target.sent == []
    assert [row.state for row in rows(restored)] == before


def test_what_was_posted_after_the_backup_is_recovered_and_nothing_doubled(
    restored: Engine, target: FakeTarget, mark: HighWaterMark
) -> None:
    live = {record.external_ref: record.total for record in target.live()}
    found = recover(restored, target, mark)
    assert (found.adopted, found.held) == (3, 1)  # the update, the void and 5; 4 was changed afterwards
    assert states(restored, key(2)) == ["create posted", "update posted"]
    assert states(restored, key(3)) == ["create posted", "void posted"]
    assert states(restored, key(4)) == ["create held"]
    assert rows(restored, key(4))[0].reason_code == "found_different"
    prove(restored)
    # The day is read again: 6 is new to this ledger, 4 is as the target has it.
    plan(restored, [document(6, "60.00"), document(4, "44.00"), document(7)])
    summary = send(restored, target, mark=mark)
    assert [write.external_ref for write in target.sent] == [key(7)]
    assert summary.adopted == 2
    assert {record.external_ref: record.total for record in target.live()} == live | {key(7): "100.00"}
    prove(restored)


def test_a_recovered_ledger_looks_before_it_changes_anything(
    restored: Engine, target: FakeTarget, mark: HighWaterMark
) -> None:
    recover(restored, target, mark)
    plan(restored, [document(0, "10.00"), void(1)])
    asked = len(target.questions)
    assert send(restored, target, mark=mark).sent == 2
    assert any({key(0), key(1)} & set(references) for _, _, references in target.questions[asked : asked + 1])
    # What somebody changed without this ledger is not overwritten.
    record = target.live(key(2))[0]
    target.alter = ""
    target.books.put(
        type(record)(**{name: getattr(record, name) for name in record.__struct_fields__} | {"total": "1"})
    )
    plan(restored, [document(2, "91.00")])
    assert send(restored, target, mark=mark).sent == 0
    assert rows(restored, key(2))[-1].reason_code == "found_different"


def test_the_old_ledger_and_an_older_backup_are_known_after_a_recovery(
    engine: Engine, restored: Engine, target: FakeTarget, mark: HighWaterMark, backup: str, tmp_path: Path
) -> None:
    recover(restored, target, mark)
    for other in (engine, opened_copy(backup, tmp_path)):
        plan(other, [document(9)])
        with pytest.raises(LedgerRestored, match="epoch 1"):
            send(other, target, mark=mark)
        other.dispose()
    assert target.sent == []


def test_a_copy_that_went_on_by_itself_is_known(
    engine: Engine, target: FakeTarget, mark: HighWaterMark, backup: str, tmp_path: Path
) -> None:
    clone = opened_copy(backup, tmp_path)
    plan(clone, [document(number) for number in range(20, 60)])  # more events than the mark will name
    send(engine, target, mark=mark)
    with pytest.raises(LedgerRestored, match="went another way"):
        send(clone, target, mark=mark)
    clone.dispose()


def test_a_ledger_swapped_under_a_session_is_noticed_before_the_next_batch(
    restored: Engine, target: FakeTarget, mark: HighWaterMark
) -> None:
    class Sleepy(HighWaterMark):
        def require(self, engine: Engine) -> int:
            return 1

    with pytest.raises(LedgerRestored):
        send(restored, target, mark=Sleepy(mark.path, KEYS))
    assert target.sent == []
    assert not [row for row in rows(restored) if row.state in ("sending", "unknown")]


def test_a_missing_changed_or_foreign_mark_stops_a_ledger_that_has_sent(
    engine: Engine, target: FakeTarget, mark: HighWaterMark, tmp_path: Path
) -> None:
    plan(engine, [document(1)])
    send(engine, target, mark=mark)
    good = mark.path.read_bytes()
    marked = mark.look(engine).mark
    assert marked is not None
    changed = good.replace(b'"n":%d' % marked.n, b'"n":%d' % (marked.n - 1))
    for content, why in ((changed, "not made with this master key"), (b"{", "damaged"), (b"", "damaged")):
        mark.path.write_bytes(content)
        with pytest.raises(LedgerRestored, match=why):
            send(engine, target, mark=mark)
    mark.path.write_bytes(good)
    with pytest.raises(LedgerRestored, match="not made with this master key"):
        send(engine, target, mark=HighWaterMark(mark.path, Keyring([b"x" * 32])))
    assert send(engine, target, mark=HighWaterMark(mark.path, Keyring([b"x" * 32, b"k" * 32]))).sent == 0
    mark.path.unlink()
    with pytest.raises(LedgerRestored, match="there is no high-water mark"):
        send(engine, target, mark=mark)


def test_a_mark_that_cannot_be_kept_stops_sending(engine: Engine, target: FakeTarget, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    plan(engine, [document(1)])
    with pytest.raises(MarkFault, match="cannot be kept there"):
        send(engine, target, mark=HighWaterMark(tmp_path / "keys" / "ledger.mark", KEYS))
    assert target.sent == []


def test_a_recovery_proves_its_question_and_does_not_end_without_an_answer(
    restored: Engine, target: FakeTarget, mark: HighWaterMark
) -> None:
    target.blind = True
    with pytest.raises(CannotRecover, match="known to be there"):
        recover(restored, target, mark)
    target.blind, target.deaf = False, 1
    with pytest.raises(CannotRecover, match="does not answer"):
        recover(restored, target, mark)
    with pytest.raises(LedgerRestored):
        send(restored, target, mark=mark)
    assert recover(restored, target, mark).adopted == 3


def test_a_backup_made_while_a_batch_was_on_its_way_is_settled(
    engine: Engine, target: FakeTarget, mark: HighWaterMark, tmp_path: Path
) -> None:
    plan(engine, [document(0)])
    send(engine, target, mark=mark)
    plan(engine, [document(1), document(2)])
    taken: list[str] = []

    def snapshot(write: object) -> str:
        if not taken and engine.dialect.name == "sqlite":
            taken.append(str(tmp_path / "hot.db"))
            with closing(sqlite3.connect(str(engine.url.database))) as live, closing(sqlite3.connect(taken[0])) as copy:
                live.backup(copy)
        return "ok"

    target.weather, target.max_concurrency = snapshot, 1
    send(engine, target, mark=mark)
    if engine.dialect.name != "sqlite":
        pytest.skip("a PostgreSQL database in use cannot be copied by TEMPLATE; the states are the same")
    from st_pipelines.database.engine import open_database

    hot = open_database(f"sqlite:///{taken[0]}")
    # The mark was raised before the batch left: the copy holds the batch as sending, so it is sound and settles it.
    target.clock.at += 4000  # type: ignore[union-attr]
    target.sent.clear()
    assert send(hot, target, mark=mark).settled == 2
    assert target.sent == []
    assert len(target.live()) == 3
    hot.dispose()


def test_a_refused_document_stays_refused_and_the_trail_says_who_recovered(
    restored: Engine, target: FakeTarget, mark: HighWaterMark
) -> None:
    recover(restored, target, mark)
    said = [event for event in events(restored) if event.event == "ledger_recovered"]
    assert len(said) == 1 and '"by"' not in said[0].content
    assert '"actor":"Ann"' in said[0].content and '"epoch":2' in said[0].content
    target.weather = lambda write: REFUSE
    plan(restored, [document(8)])
    assert send(restored, target, mark=mark).rejected == 1
