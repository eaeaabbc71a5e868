"""The master keys. Invariant: the first encrypts, all decrypt (K2); a key that others could read is refused (K3).

Keys come from ``ST_PIPELINES_KEY`` (base64 of 32 bytes; several, comma-separated) or from the file named by
``ST_PIPELINES_KEY_FILE`` (same content; one a line is fine too). Never from arguments, run config or the repository.
"""

import base64
import binascii
import hashlib
import hmac
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_VARIABLE = "ST_PIPELINES_KEY"
FILE_VARIABLE = "ST_PIPELINES_KEY_FILE"
KEY_BYTES = 32
NONCE_BYTES = 12
LARGEST_FILE = 16_384


class KeyFault(RuntimeError):
    """The master key is missing, unreadable, malformed or badly kept. The text says what to do; never holds a key."""


class CannotDecrypt(RuntimeError):
    """A stored value does not open: another key, another place (copied row) or changed bytes."""


class Keyring:
    """Master keys in memory. Only wraps and unwraps; never gives a key out."""

    __slots__ = ("_ciphers", "_mac_keys", "first_id")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise KeyFault("the keyring is empty: at least one key is needed")
        if any(len(key) != KEY_BYTES for key in keys):
            raise KeyFault(f"each key must be base64 of exactly {KEY_BYTES} bytes; make one with `new_key_file`")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._mac_keys = {_key_id(key): hmac.digest(key, b"st_pipelines mac key", "sha256") for key in keys}
        self.first_id = _key_id(keys[0])

    @property
    def ids(self) -> tuple[str, ...]:
        """Public names of the keys (a digest), the encrypting one first."""
        return tuple(self._ciphers)

    def wrap(self, plain: bytes, about: bytes) -> tuple[str, bytes]:
        """Encrypts with the first key; ``about`` is authenticated with it. Gives (key id, nonce + ciphertext)."""
        nonce = os.urandom(NONCE_BYTES)
        return self.first_id, nonce + self._ciphers[self.first_id].encrypt(nonce, plain, about)

    def unwrap(self, key_id: str, wrapped: bytes, about: bytes) -> bytes:
        """The reverse of ``wrap``. Raises ``CannotDecrypt``; its text names the key id only."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotDecrypt(
                f"encrypted with key {key_id}, which is not in the keyring ({', '.join(self.ids)}): "
                f"add the old key behind the new one in {KEY_VARIABLE} or the key file"
            )
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            raise CannotDecrypt(f"a value under key {key_id} was changed, or moved from another row") from None

    def mac(self, content: bytes) -> tuple[str, str]:
        """Authenticates something that is no secret; gives (key id, hex HMAC-SHA-256 by a key derived for this)."""
        return self.first_id, hmac.digest(self._mac_keys[self.first_id], content, "sha256").hex()

    def made_mac(self, key_id: str, content: bytes, mac: str) -> bool:
        """Whether ``mac`` was made of ``content`` with the named key of this keyring."""
        key = self._mac_keys.get(key_id)
        return key is not None and hmac.compare_digest(hmac.digest(key, content, "sha256").hex().encode(), mac.encode())

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a keyring is never pickled; load it again in the other process")


def load_keyring(environment: Mapping[str, str] | None = None, default_file: Path | None = None) -> Keyring:
    """The keyring that the environment names, else that of ``default_file``. Raises ``KeyFault`` where there is none,
    or two."""
    variables = os.environ if environment is None else environment
    text, file = variables.get(KEY_VARIABLE, "").strip(), variables.get(FILE_VARIABLE, "").strip()
    if text and file:
        raise KeyFault(
            f"both {KEY_VARIABLE} and {FILE_VARIABLE} are set: keep one, so that it is clear which key counts"
        )
    if text:
        return Keyring(_decode(text, KEY_VARIABLE))
    if file:
        return read_key_file(Path(file))
    if default_file is not None:
        return read_key_file(default_file)
    raise KeyFault(
        f"no master key: set {FILE_VARIABLE} to a key file (mode 0600) or {KEY_VARIABLE} to base64 of 32 bytes"
    )


def read_key_file(path: Path) -> Keyring:
    """The keyring of a well-kept file (K3): regular, no link, ours, 0600 or stricter, its folder too."""
    _check_folder(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFault(
            f"key file {path}: cannot be opened ({error.strerror}); it must be a plain file, not a link"
        ) from None
    try:
        _check_file(path, os.fstat(descriptor))
        content = os.read(descriptor, LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST_FILE:
        raise KeyFault(f"key file {path}: larger than {LARGEST_FILE} bytes; this is not a key file")
    return Keyring(_decode(content.decode("ascii", "replace").replace("\n", ","), f"key file {path}"))


def new_key_file(path: Path) -> None:
    """Writes one fresh random key to a new file, 0600, durable. Never overwrites. Only we may write in the folder."""
    _check_folder(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFault(f"key file {path}: exists already; a key is never overwritten, name another file") from None
    except OSError as error:
        raise KeyFault(f"key file {path}: cannot be created ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_file(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise KeyFault(f"key file {path}: not a regular file")
    if about.st_nlink != 1:
        raise KeyFault(f"key file {path}: has {about.st_nlink} names (hard links); keep exactly one")
    if about.st_uid != os.geteuid():
        raise KeyFault(f"key file {path}: belongs to user {about.st_uid}, not to us ({os.geteuid()}): chown it")
    if about.st_mode & 0o077:
        raise KeyFault(f"key file {path}: mode {stat.S_IMODE(about.st_mode):04o} lets others in: chmod 600 it")


def _check_folder(path: Path) -> None:
    try:
        folder = path.parent.stat()
    except OSError as error:
        raise KeyFault(f"key file {path}: its folder cannot be read ({error.strerror})") from None
    if folder.st_uid not in (os.geteuid(), 0):
        raise KeyFault(f"key file {path}: its folder belongs to user {folder.st_uid}, who could replace the key")
    if folder.st_mode & 0o022:
        raise KeyFault(
            f"key file {path}: others may write in its folder and so replace the key: chmod go-w {path.parent}"
        )


def _decode(text: str, where: str) -> list[bytes]:
    keys = []
    for position, part in enumerate((part.strip() for part in text.split(",")), start=1):
        if not part:
            continue
        try:
            key = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            raise KeyFault(f"{where}: key {position} is not base64") from None
        if len(key) != KEY_BYTES:
            raise KeyFault(f"{where}: key {position} has {len(key)} bytes, needed are {KEY_BYTES}")
        keys.append(key)
    if not keys:
        raise KeyFault(f"{where}: holds no key")
    return keys


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"st_pipelines key id\0" + key).hexdigest()[:16]
