"""Connections at rest: sealed to their place, rotated in one step, never readable in the database."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text, update

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import Token, TokenCache
from st_pipelines.credentials.vault import Vault, VaultFault
from st_pipelines.database import schema
from st_pipelines_tests.credentials.conftest import NEW_KEY, OLD_KEY

SETTINGS = {
    "base_url": "https://erp.example.com/x",
    "rate": 60,
    "overlap_s": 600.5,
    "domains": ["10USA"],
    "deep": {"a": None},
}
SECRETS = {"client_secret": Secret("cs.hidden-value"), "app_key": Secret("ak1.hidden-value ☃")}


def everything_stored(engine: Engine) -> str:
    with engine.connect() as database:
        return "".join(
            repr([bytes(v) if isinstance(v, memoryview) else v for row in database.execute(select(table)) for v in row])
            for table in (schema.connection, schema.secret, schema.token)
        )


def test_what_was_added_comes_back(vault: Vault, tables: Engine) -> None:
    vault.add("acme-st", "servicetitan", SETTINGS, SECRETS)
    connection = vault.get("acme-st")
    assert (connection.name, connection.system, dict(connection.settings)) == ("acme-st", "servicetitan", SETTINGS)
    assert connection.secrets == SECRETS
    assert "hidden-value" not in everything_stored(tables)
    assert "hidden-value" not in repr(connection)


def test_the_list_is_by_name_and_without_secrets(vault: Vault) -> None:
    for name in ("b", "a"):
        vault.add(name, "qad", {"n": name}, SECRETS)
    assert [(c.name, dict(c.settings), dict(c.secrets)) for c in vault.list()] == [
        ("a", {"n": "a"}, {}),
        ("b", {"n": "b"}, {}),
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(codec="utf-8"), max_size=50))
def test_every_text_is_kept_exactly(vault: Vault, value: str) -> None:
    vault.add("c", "qad", {}, {"password": Secret(value)}, replace=True)
    assert vault.get("c").secrets["password"].reveal() == value


def test_names_that_exist_or_do_not(vault: Vault) -> None:
    vault.add("c", "qad", {}, {})
    with pytest.raises(VaultFault, match="exists already"):
        vault.add("c", "qad", {}, SECRETS)
    assert vault.get("c").secrets == {}
    vault.remove("c")
    for missing in (lambda: vault.get("c"), lambda: vault.remove("c")):
        with pytest.raises(VaultFault, match="no connection 'c'"):
            missing()


def test_removing_and_replacing_forget_secrets_and_token(vault: Vault, tables: Engine) -> None:
    vault.add("c", "qad", {}, SECRETS)
    TokenCache(tables, Keyring([OLD_KEY])).token("c", lambda: Token(Secret("t"), 900))
    vault.add("c", "qad", {"v": 2}, {"other": Secret("x")}, replace=True)
    assert set(vault.get("c").secrets) == {"other"}
    with tables.connect() as database:
        assert database.execute(select(schema.token)).all() == []
    vault.remove("c")
    assert everything_stored(tables) == "[][][]"


@pytest.mark.parametrize("name", ["", "a|b", "a b", "../x", "x" * 65, "é", "a\n", ".x", "a/b"])
def test_names_that_are_not_plain_are_refused(vault: Vault, name: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 64"):
        vault.add(name, "qad", {}, {})
    with pytest.raises(ValueError, match="use 1 to 64"):
        vault.add("c", "qad", {}, {name: Secret("v")})
    assert vault.list() == []


@pytest.mark.parametrize("settings_", [{"a": object()}, {"a": float("nan")}, {"a": Secret("hidden-value")}])
def test_settings_are_plain_json_and_hold_no_secret(vault: Vault, settings_: dict[str, Any]) -> None:
    with pytest.raises(VaultFault, match="plain JSON") as caught:
        vault.add("c", "qad", settings_, {})
    assert "hidden-value" not in str(caught.value)
    with pytest.raises(TypeError, match="must be a Secret") as wrong:
        vault.add("c", "qad", {}, {"p": "hidden-value"})  # type: ignore[dict-item]
    assert "hidden-value" not in str(wrong.value)


def copy_secret(engine: Engine, to: dict[str, str], where: dict[str, str]) -> None:
    """What an attacker with the database, or a careless script, would do: move a sealed value to another place."""
    with engine.begin() as database:
        query = select(schema.secret)
        for column, value in where.items():
            query = query.where(schema.secret.c[column] == value)
        source = dict(database.execute(query).one()._mapping)
        target = update(schema.secret).values({key: source[key] for key in ("key_id", "wrapped_key", "ciphertext")})
        for column, value in to.items():
            target = target.where(schema.secret.c[column] == value)
        assert database.execute(target).rowcount == 1


@pytest.mark.parametrize(
    "to", [{"connection": "b", "field": "password"}, {"connection": "a", "field": "user"}], ids=["connection", "field"]
)
def test_a_sealed_value_moved_elsewhere_does_not_open(vault: Vault, tables: Engine, to: dict[str, str]) -> None:
    for name in ("a", "b"):
        vault.add(name, "qad", {}, {"password": Secret(f"hidden-{name}"), "user": Secret(f"u-{name}")})
    copy_secret(tables, to, {"connection": "a", "field": "password"})
    with pytest.raises(VaultFault, match=f"connection '{to['connection']}', secret '{to['field']}'") as caught:
        vault.get(to["connection"])
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
def test_a_changed_byte_is_noticed(vault: Vault, tables: Engine, column: str) -> None:
    vault.add("c", "qad", {}, {"password": Secret("hidden-value")})
    with tables.begin() as database:
        stored = bytes(database.execute(select(schema.secret.c[column])).scalar_one())
        database.execute(update(schema.secret).values({column: stored[:-1] + bytes([stored[-1] ^ 1])}))
    with pytest.raises(VaultFault):
        vault.get("c")


def key_ids(engine: Engine) -> set[str]:
    with engine.connect() as database:
        return {
            row[0] for table in ("secret", "token") for row in database.execute(text(f"SELECT key_id FROM {table}"))
        }


def test_rotation_leaves_no_row_under_the_old_key(vault: Vault, tables: Engine) -> None:
    vault.add("a", "qad", {}, SECRETS)
    vault.add("b", "qad", {}, SECRETS)
    TokenCache(tables, Keyring([OLD_KEY])).token("a", lambda: Token(Secret("t-1"), 900))
    new = Keyring([NEW_KEY, OLD_KEY])
    assert vault.rotate(new) == 5
    assert key_ids(tables) == {new.first_id}
    only_new = Vault(tables, Keyring([NEW_KEY]))
    assert only_new.get("a").secrets == vault.get("b").secrets == SECRETS
    kept = TokenCache(tables, Keyring([NEW_KEY])).token("a", lambda: pytest.fail("the token was lost"))
    assert kept.value.reveal() == "t-1"
    assert vault.rotate(new) == 0


def test_rotation_may_bring_only_the_new_key(vault: Vault, tables: Engine) -> None:
    vault.add("a", "qad", {}, SECRETS)
    assert vault.rotate(Keyring([NEW_KEY])) == 2
    assert vault.get("a").secrets == SECRETS


def test_rotation_that_cannot_open_a_row_changes_nothing_and_can_be_done_again(vault: Vault, tables: Engine) -> None:
    vault.add("a", "qad", {}, SECRETS)
    lost = Keyring([b"x" * 32])
    Vault(tables, lost).add("z", "qad", {}, {"password": Secret("hidden-value")})
    before = key_ids(tables)
    with pytest.raises(VaultFault, match="nothing changed: connection 'z'"):
        vault.rotate(Keyring([NEW_KEY]))
    assert key_ids(tables) == before
    assert vault.get("a").secrets == SECRETS
    assert vault.rotate(Keyring([NEW_KEY, b"x" * 32])) == 3


def test_a_lost_key_is_explained(vault: Vault, tables: Engine) -> None:
    vault.add("a", "qad", {}, SECRETS)
    with pytest.raises(VaultFault, match="not in the keyring"):
        Vault(tables, Keyring([NEW_KEY])).get("a")
