"""Seals one value in one place. Invariant: a sealed value opens only in the row and field it was sealed for (K1).

A random data key per sealing, AES-256-GCM; the data key is wrapped by the master key. Both are bound to
``format | table | connection | field``, so a row copied to another connection does not open there.
"""

import os
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from st_pipelines.credentials.keyring import KEY_BYTES, NONCE_BYTES, CannotDecrypt, Keyring

FORMAT = "st_pipelines 1"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Sealed:
    """What is stored: the id of the master key, the wrapped data key, the ciphertext. Nothing readable."""

    key_id: str
    wrapped_key: bytes
    ciphertext: bytes


def check_name(name: str, what: str) -> str:
    """A name that is safe in associated data, logs and paths; raises ``ValueError`` else."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{what} {name[:64]!r}: use 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or digit")
    return name


def place(table: str, connection: str, field: str) -> bytes:
    """The associated data of one field."""
    return "|".join((FORMAT, table, check_name(connection, "connection"), check_name(field, "field"))).encode("ascii")


def seal(keyring: Keyring, where: bytes, plain: bytes) -> Sealed:
    """Encrypts ``plain`` for exactly ``where``."""
    data_key, nonce = AESGCM.generate_key(KEY_BYTES * 8), os.urandom(NONCE_BYTES)
    key_id, wrapped = keyring.wrap(data_key, b"key|" + where)
    return Sealed(key_id, wrapped, nonce + AESGCM(data_key).encrypt(nonce, plain, b"value|" + where))


def unseal(keyring: Keyring, where: bytes, sealed: Sealed) -> bytes:
    """The reverse; raises ``CannotDecrypt``, which never holds a value."""
    data_key = keyring.unwrap(sealed.key_id, sealed.wrapped_key, b"key|" + where)
    nonce, body = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
    try:
        return AESGCM(data_key).decrypt(nonce, body, b"value|" + where)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("a stored value was changed, or moved from another row") from None


def rewrap(old: Keyring, new: Keyring, where: bytes, sealed: Sealed) -> Sealed:
    """The same ciphertext under the first key of ``new``. Neither reads nor changes the value."""
    data_key = old.unwrap(sealed.key_id, sealed.wrapped_key, b"key|" + where)
    key_id, wrapped = new.wrap(data_key, b"key|" + where)
    return Sealed(key_id, wrapped, sealed.ciphertext)
