"""A master key that others could read or replace is refused, with the reason and the cure."""

import base64
import os
import pickle
import stat
from pathlib import Path

import pytest

from st_pipelines.credentials.keyring import CannotDecrypt, KeyFault, Keyring, load_keyring, new_key_file, read_key_file

ONE, TWO = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "master.key"
    path.parent.mkdir(mode=0o700)
    new_key_file(path)
    return path


def test_a_new_key_file_is_ours_alone_and_works(key_file: Path) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert len(base64.b64decode(key_file.read_text())) == 32
    ring = load_keyring({"ST_PIPELINES_KEY_FILE": str(key_file)})
    key_id, wrapped = ring.wrap(b"data", b"about")
    assert ring.unwrap(key_id, wrapped, b"about") == b"data"
    assert load_keyring({}, default_file=key_file).ids == ring.ids


def test_a_key_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(KeyFault, match="never overwritten"):
        new_key_file(key_file)
    assert key_file.read_bytes() == before


def test_two_new_keys_differ(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    new_key_file(tmp_path / "a")
    new_key_file(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610, 0o777])
def test_a_file_that_lets_others_in_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyFault, match="chmod 600"):
        read_key_file(key_file)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_stricter_is_fine(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert len(read_key_file(key_file).ids) == 1


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_refused(key_file: Path, mode: int) -> None:
    key_file.parent.chmod(mode)
    with pytest.raises(KeyFault, match="chmod go-w"):
        read_key_file(key_file)
    with pytest.raises(KeyFault, match="chmod go-w"):
        new_key_file(key_file.with_name("other.key"))
    key_file.parent.chmod(0o700)


def test_links_folders_and_pipes_are_no_key_files(key_file: Path) -> None:
    link, pipe = key_file.with_name("link"), key_file.with_name("pipe")
    link.symlink_to(key_file)
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe, key_file.parent, key_file.with_name("absent")):
        with pytest.raises(KeyFault):
            read_key_file(path)
    with pytest.raises(KeyFault):
        new_key_file(link)
    os.link(key_file, key_file.with_name("hard"))
    with pytest.raises(KeyFault, match="hard links"):
        read_key_file(key_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(key_file: Path) -> None:
    os.chown(key_file, 12345, 12345)
    with pytest.raises(KeyFault, match="belongs to user 12345"):
        read_key_file(key_file)


def test_a_file_that_is_too_large_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b"A" * 20_000)
    with pytest.raises(KeyFault, match="not a key file"):
        read_key_file(key_file)


def test_several_keys_the_first_encrypts_all_decrypt(key_file: Path) -> None:
    one, both = load_keyring({"ST_PIPELINES_KEY": ONE}), load_keyring({"ST_PIPELINES_KEY": f" {TWO} , {ONE}"})
    assert both.ids == (*load_keyring({"ST_PIPELINES_KEY": TWO}).ids, *one.ids)
    assert both.unwrap(*one.wrap(b"x", b"about"), b"about") == b"x"
    with pytest.raises(CannotDecrypt, match="not in the keyring"):
        one.unwrap(*both.wrap(b"x", b"about"), b"about")
    key_file.write_text(f"{TWO}\n{ONE}\n")
    assert read_key_file(key_file).ids == both.ids


@pytest.mark.parametrize(
    "environment",
    [
        {}, {"ST_PIPELINES_KEY": ""}, {"ST_PIPELINES_KEY": "short"}, {"ST_PIPELINES_KEY": ONE[:-4]},
        {"ST_PIPELINES_KEY": ONE + "!"},
        {"ST_PIPELINES_KEY": ","}, {"ST_PIPELINES_KEY": "ключ"}, {"ST_PIPELINES_KEY": f"{ONE},{ONE[:20]}"},
        {"ST_PIPELINES_KEY": ONE, "ST_PIPELINES_KEY_FILE": "/some/file"}, {"ST_PIPELINES_KEY_FILE": "/nowhere/at/all"},
    ],
)  # fmt: skip
def test_a_missing_or_malformed_key_is_named_and_not_shown(environment: dict[str, str]) -> None:
    with pytest.raises(KeyFault) as caught:
        load_keyring(environment)
    assert ONE[:16] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrapped_value_opens_only_for_what_it_was_wrapped_for() -> None:
    ring = load_keyring({"ST_PIPELINES_KEY": ONE})
    key_id, wrapped = ring.wrap(b"x", b"about")
    for broken, about in (
        (wrapped, b"other"),
        (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"about"),
        (b"", b"about"),
        (wrapped[:13], b"about"),
    ):
        with pytest.raises(CannotDecrypt):
            ring.unwrap(key_id, broken, about)


def test_a_keyring_is_not_pickled_nor_shown() -> None:
    ring = load_keyring({"ST_PIPELINES_KEY": ONE})
    with pytest.raises(TypeError):
        pickle.dumps(ring)
    assert "1111" not in repr(ring)
    assert ONE not in repr(ring)
    with pytest.raises(KeyFault):
        Keyring([])
