"""One fetch for the whole installation, whatever the number of threads and processes."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import CannotRenew, Token, TokenCache
from st_pipelines.credentials.turns import try_turn
from st_pipelines.database import schema
from st_pipelines.database.engine import open_database

KEY = b"k" * 32


class Endpoint:
    """Counts what is fetched; each token is another."""

    def __init__(self, life: int = 900, seconds: float = 0.0) -> None:
        self.life = life
        self.seconds = seconds
        self.fetches = 0
        self._lock = threading.Lock()

    def __call__(self) -> Token:
        with self._lock:
            self.fetches += 1
            number = self.fetches
        time.sleep(self.seconds)
        return Token(Secret(f"token-{number}"), self.life)


@pytest.fixture
def cache(tables: Engine) -> TokenCache:
    return TokenCache(tables, Keyring([KEY]))


def another(tables: Engine) -> TokenCache:
    return TokenCache(tables, Keyring([KEY]))


def age(tables: Engine, seconds: int) -> None:
    with tables.begin() as database:
        database.execute(
            text(f"UPDATE token SET issued_at = issued_at - {seconds}000000, expires_at = expires_at - {seconds}000000")
        )


def test_one_fetch_for_many_calls_and_caches(tables: Engine, cache: TokenCache) -> None:
    endpoint = Endpoint()
    tokens = [cache.token("st", endpoint) for _ in range(10)] + [
        another(tables).token("st", endpoint) for _ in range(3)
    ]
    assert {token.value.reveal() for token in tokens} == {"token-1"}
    assert all(890 < token.expires_in_s <= 900 for token in tokens)
    assert endpoint.fetches == 1


def test_connections_have_tokens_of_their_own(cache: TokenCache) -> None:
    endpoint = Endpoint()
    assert cache.token("a", endpoint).value != cache.token("b", endpoint).value


def test_threads_wait_for_one_fetch(tables: Engine, cache: TokenCache) -> None:
    endpoint = Endpoint(seconds=0.2)
    with ThreadPoolExecutor(16) as threads:
        found = list(
            threads.map(lambda n: (cache if n % 2 else another(tables)).token("st", endpoint).value.reveal(), range(32))
        )
    assert set(found) == {"token-1"}
    assert endpoint.fetches == 1


def ask(url: str, log: str, start: Barrier, stale: str | None, answers: Any) -> None:
    """One process: waits for all the others, then asks at once. Each real fetch is a line in the log file."""

    def fetch() -> Token:
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.1)
        return Token(Secret(f"token-of-{os.getpid()}"), 900)

    cache = TokenCache(open_database(url), Keyring([KEY]))
    start.wait()
    answers.put(cache.token("st", fetch, stale=stale).value.reveal())


def ask_with_processes(tables: Engine, log: Path, count: int, stale: str | None) -> set[str]:
    tables.dispose()  # forked children must not inherit open connections
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(count), context.Queue()
    url = tables.url.render_as_string(hide_password=False)
    workers = [context.Process(target=ask, args=(url, str(log), start, stale, answers)) for _ in range(count)]
    for worker in workers:
        worker.start()
    found = {answers.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join()
    return found


def test_fifty_processes_make_one_fetch_and_one_renewal(tables: Engine, tmp_path: Path) -> None:
    log = tmp_path / "fetches"
    first = ask_with_processes(tables, log, 50, None)
    assert len(first) == 1
    assert len(log.read_text().splitlines()) == 1
    second = ask_with_processes(tables, log, 50, next(iter(first)))
    assert len(second) == 1
    assert second != first
    assert len(log.read_text().splitlines()) == 2


def test_a_stale_token_is_replaced_once(tables: Engine, cache: TokenCache) -> None:
    endpoint = Endpoint()
    other = another(tables)
    first = cache.token("st", endpoint).value.reveal()
    other.token("st", endpoint)
    assert cache.token("st", endpoint, stale=first).value.reveal() == "token-2"
    assert other.token("st", endpoint, stale=first).value.reveal() == "token-2"  # somebody already did so
    assert endpoint.fetches == 2


def test_a_token_is_renewed_at_four_fifths_of_its_life_not_before_seven_tenths(tables: Engine) -> None:
    endpoint = Endpoint(life=1000)
    another(tables).token("st", endpoint)
    age(tables, 690)
    assert another(tables).token("st", endpoint).value.reveal() == "token-1"
    age(tables, 120)
    assert another(tables).token("st", endpoint).value.reveal() == "token-2"


def test_the_renewal_is_spread_by_chance(tables: Engine, cache: TokenCache) -> None:
    cache.token("st", Endpoint(life=1000))
    moments = set()
    for _ in range(20):
        held = cache._read("st")
        assert held is not None
        moments.add(round(held.renew_at - held.ends_at))
    assert len(moments) > 5
    assert all(-300 <= moment <= -200 for moment in moments)


def test_while_one_fetches_the_others_go_on_with_what_lives(tables: Engine, cache: TokenCache) -> None:
    cache.token("st", Endpoint(life=1000))
    age(tables, 850)
    with try_turn(tables, "token st") as mine:
        assert mine
        assert another(tables).token("st", lambda: pytest.fail("not our turn")).value.reveal() == "token-1"


def test_a_token_that_lives_outlasts_trouble_at_the_endpoint(tables: Engine) -> None:
    def down() -> Token:
        calls.append(1)
        raise CannotRenew("endpoint down")

    calls: list[int] = []
    another(tables).token("st", Endpoint(life=1000))
    age(tables, 850)
    cache = another(tables)
    for _ in range(5):
        assert cache.token("st", down).value.reveal() == "token-1"
    assert len(calls) == 1  # asked again after a while, not with each request
    age(tables, 149)
    with pytest.raises(CannotRenew, match="endpoint down"):
        another(tables).token("st", down)
    with pytest.raises(CannotRenew):
        cache.token("st", down, stale="token-1")


def test_a_refusal_is_not_hidden_by_a_living_token(tables: Engine) -> None:
    class Refused(Exception):
        pass

    def refuse() -> Token:
        raise Refused

    another(tables).token("st", Endpoint(life=1000))
    age(tables, 850)
    with pytest.raises(Refused):
        another(tables).token("st", refuse)


def test_the_new_token_is_committed_before_it_is_used(tables: Engine, cache: TokenCache) -> None:
    value = cache.token("st", Endpoint()).value.reveal()
    with tables.connect() as database:
        row = database.execute(select(schema.token)).one()
    assert (row.generation, value) == (1, "token-1")
    cache.token("st", Endpoint(), stale=value)
    with tables.connect() as database:
        row = database.execute(select(schema.token)).one()
    assert row.generation == 2
    assert b"token" not in bytes(row.ciphertext)


def test_no_database_transaction_is_open_during_the_fetch(tables: Engine, cache: TokenCache) -> None:
    def fetch() -> Token:
        with open_database(
            tables.url.render_as_string(hide_password=False)
        ).begin() as database:  # would wait for a lock
            database.execute(
                text("INSERT INTO fact (integration, key, is_true, run_id, recorded_at) VALUES ('i', 'k', 1, 'r', 0)")
            )
        return Token(Secret("token-1"), 900)

    started = time.monotonic()
    cache.token("st", fetch)
    assert time.monotonic() - started < 20


def test_a_token_under_a_lost_key_is_fetched_again(tables: Engine, cache: TokenCache) -> None:
    endpoint = Endpoint()
    cache.token("st", endpoint)
    assert TokenCache(tables, Keyring([b"z" * 32])).token("st", endpoint).value.reveal() == "token-2"


def test_a_clock_that_went_back_far_does_not_keep_a_dead_token(tables: Engine, cache: TokenCache) -> None:
    endpoint = Endpoint()
    cache.token("st", endpoint)
    age(tables, -86_400)
    assert another(tables).token("st", endpoint).value.reveal() == "token-2"


def test_the_refresh_secret_is_kept_and_tried_first(tables: Engine, cache: TokenCache) -> None:
    cache.token("st", lambda: Token(Secret("t-1"), 900, Secret("r-1")))

    def renew(old: Token) -> Token:
        assert old.refresh is not None
        return Token(Secret("t-2"), 900, Secret(old.refresh.reveal() + "+"))

    fresh = another(tables).token("st", lambda: pytest.fail("no sign-in needed"), stale="t-1", renew=renew)
    assert (fresh.value.reveal(), fresh.refresh) == ("t-2", Secret("r-1+"))


def test_short_lives_are_fetched_each_time_and_never_handed_out_dead(cache: TokenCache) -> None:
    endpoint = Endpoint(life=1)
    assert [cache.token("st", endpoint).value.reveal() for _ in range(3)] == ["token-1", "token-2", "token-3"]


def hold(url: str, ready: Any) -> None:
    with try_turn(open_database(url), "token st") as mine:
        ready.put(mine)
        time.sleep(600)


def test_a_killed_holder_gives_its_turn_back(tables: Engine) -> None:
    tables.dispose()
    context = multiprocessing.get_context("fork")
    ready = context.Queue()
    holder = context.Process(target=hold, args=(tables.url.render_as_string(hide_password=False), ready))
    holder.start()
    assert ready.get(timeout=60) is True
    with try_turn(tables, "token st") as mine:
        assert not mine
    with try_turn(tables, "token other") as mine:
        assert mine
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    give_up = time.monotonic() + 30
    while True:
        with try_turn(tables, "token st") as mine:
            if mine:
                break
        assert time.monotonic() < give_up
        time.sleep(0.05)
