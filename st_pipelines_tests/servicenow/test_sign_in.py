"""The token: form body, the life that the answer says, one for all, renewed on 401."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.errors import Misconfigured, SignInRefused
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.connect import connect
from st_pipelines.systems.servicenow.tables import get, select
from st_pipelines_tests.servicenow.conftest import connection
from st_pipelines_tests.servicenow.hostile import Hostile

ROW = {"sys_id": "a" * 32, "user_name": "x", "sys_updated_on": "2026-10-01 00:00:00", "sys_mod_count": "0"}


def look(client: ServiceNow) -> int:
    return len(select(client, "sys_user", "", ["sys_id"], limit=10).rows)


def test_two_clients_of_a_connection_share_one_token(
    hostile: Hostile, address: str, shared: tuple[Engine, Keyring]
) -> None:
    hostile.tables["sys_user"].append(dict(ROW))
    first, second = (connect(connection("sn_shared", address), *shared) for _ in range(2))
    assert look(first) == look(second) == 1
    assert hostile.tokens_given == 1
    first.close()
    second.close()


def test_a_token_that_expired_early_is_renewed_once_also_for_a_write(hostile: Hostile, client: ServiceNow) -> None:
    hostile.tables["sys_user"].append(dict(ROW))
    assert look(client) == 1
    hostile.expired.add(hostile.token)
    assert look(client) == 1
    hostile.expired.add(hostile.token)
    hostile.answer_write = lambda method, path, body: (200, {"result": {"sys_id": "a" * 32}})
    client.write("PATCH", f"/api/now/table/sys_user/{'a' * 32}", {}, entity="sys_user", reference="x")
    assert hostile.tokens_given == 3


def test_the_last_seconds_of_a_token_are_waited_out_not_asked_away(
    hostile: Hostile, client: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def passes(seconds: float) -> None:
        waited.append(seconds)
        hostile.token_life = 1800

    hostile.token_life = "2"  # the same token, with what it has left
    monkeypatch.setattr(time, "sleep", passes)
    look(client)
    assert waited[0] == 3  # before any pause of the rate gate
    assert hostile.tokens_given == 2


def test_a_refused_sign_in_stops_and_shows_no_secret(
    hostile: Hostile, address: str, shared: tuple[Engine, Keyring]
) -> None:
    wrong = Connection("sn_wrong", "servicenow", {"base_url": address},
                       {"client_id": Secret("cid.test"), "client_secret": Secret("not-the-secret")})  # fmt: skip
    client = connect(wrong, *shared)
    with pytest.raises(SignInRefused, match="access_denied") as caught:
        look(client)
    assert "not-the-secret" not in str(caught.value)
    assert hostile.requests == []
    client.close()


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [({"page_rows": 0}, "page_rows"), ({"at_once": 99}, "at_once"), ({"settle_s": -1.0}, "settle_s"),
     ({"instance": "x"}, "unknown field"), ({"base_url": "http://example.com"}, "plain http")],
)  # fmt: skip
def test_a_wrong_setting_is_named(changes: dict[str, object], blamed: str, shared: tuple[Engine, Keyring]) -> None:
    with pytest.raises(Misconfigured, match=blamed):
        connect(connection("sn_settings", "http://127.0.0.1:1", **changes), *shared)


def test_a_missing_and_a_hidden_record_look_alike(hostile: Hostile, client: ServiceNow) -> None:
    hostile.tables["sys_user"].append(dict(ROW))
    found = get(client, "sys_user", "a" * 32, ["user_name"])
    assert found == {"user_name": "x"}
    assert get(client, "sys_user", "b" * 32, ["user_name"]) is None
    hostile.hidden = lambda table, row: True
    assert get(client, "sys_user", "a" * 32, ["user_name"]) is None


def test_a_name_that_is_no_table_is_never_sent(hostile: Hostile, connected: Callable[..., ServiceNow],
                                               address: str) -> None:  # fmt: skip
    client = connected(address)
    for table in ("../x", "a/b", "", "Sys_user", "t?x=1"):
        with pytest.raises(Misconfigured, match="names no record"):
            select(client, table, "", ["sys_id"], limit=1)
    assert hostile.requests == []
