"""The questions of one reading and the digests of their answers. Invariant: what follows from a transcript follows from
nothing else; a reading that asked the same and was answered otherwise, or asked too much to remember, leaves none.

A reading is a function of its answers: which pages are asked for, what is thrown away, what lands. So a later reading
of the same days need only ask the same questions: where every answer is the same to the byte, it would land the same.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

_MOST = 500  # questions: a transcript is in memory, and a reading must not grow with its pages


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """One GET below the tenant. ``entity``: whose reader asked; ``sha256`` names the stored page that answered."""

    entity: str
    path: str
    params: list[tuple[str, str]]
    reference: str
    sha256: str


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transcript in the store. ``inputs``: digest of what decides, beside the answers, what a reading lands."""

    inputs: str
    asked: list[Asked]


class Transcript:
    """Of one reading at a time. Thread-safe: pages are asked for by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = False
        self.begin()

    def begin(self) -> None:
        """Forgets everything: a reading starts, perhaps anew because its rows moved."""
        with self._lock:
            self._asked: dict[tuple[str, str, tuple[tuple[str, str], ...]], Asked] | None = {}

    def note(self, asked: Asked) -> None:
        with self._lock:
            if self._paused or self._asked is None:
                return
            question = (asked.entity, asked.path, tuple(asked.params))
            known = self._asked.setdefault(question, asked)
            if known.sha256 != asked.sha256 or len(self._asked) > _MOST:
                self._asked = None

    def give_up(self) -> None:
        """A question was asked that must not be asked again."""
        with self._lock:
            self._asked = None

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Around questions whose answers follow from others that are noted."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    @property
    def asked(self) -> Sequence[Asked]:
        """In the order of the first answers; empty where this reading cannot be remembered."""
        with self._lock:
            return list((self._asked or {}).values())
