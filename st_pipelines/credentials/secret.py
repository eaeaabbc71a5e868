"""A value that must not be shown. Invariant: only ``reveal()`` gives it; every other road gives ``***`` (K4).

Every live secret is known to ``live_values()``, from which the redaction filter is seeded (K6).
"""

import hmac
import threading
from typing import Any, NoReturn
from weakref import WeakValueDictionary

MASK = "***"


class SecretGone(RuntimeError):
    """A secret was pickled or copied between processes: its value stayed behind. Read it from the vault again."""


class Secret:
    """Holds one text. Not a ``str``: it cannot slip into a URL, a log line or JSON by accident."""

    __slots__ = ("__weakref__", "_value")
    _value: str | None

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a secret is a text")
        object.__setattr__(self, "_value", value)
        _remember(self)

    def reveal(self) -> str:
        """The value itself, for the one call site that sends it."""
        if self._value is None:
            raise SecretGone("this secret came out of a pickle, which never carries the value; read it from the vault")
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or self._value is None or other._value is None:
            return self is other
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"), other._value.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_gone, ())


def _gone() -> Secret:
    secret = Secret.__new__(Secret)
    object.__setattr__(secret, "_value", None)
    return secret


_live: WeakValueDictionary[int, Secret] = WeakValueDictionary()
_lock = threading.Lock()
_version = 0


def _remember(secret: Secret) -> None:
    global _version
    with _lock:
        _live[id(secret)] = secret
        _version += 1


def live_values() -> tuple[int, frozenset[str]]:
    """A version that grows with each new secret, and the values of all secrets alive in this process."""
    with _lock:
        alive = [reference() for reference in _live.valuerefs()]
        return _version, frozenset(secret._value for secret in alive if secret is not None and secret._value)


def live_version() -> int:
    """Cheap: has a secret been made since the last ``live_values()``?"""
    return _version
