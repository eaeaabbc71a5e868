"""Failure switches of a sandbox: what is armed, whether it fires. Invariant: a seed decides all chance.

Two families. *Wire* actions change what the client sees on its connection and are the same for every system
(``failing.py`` carries them out). *System* actions are words that one system understands (``closed_period``); its
routes ask for them with ``flagged``. Everything else is refused when armed.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

WIRE_ACTIONS: Mapping[str, str] = {
    "status": "answers `status` and does not handle the request (with `apply`: handles it first); `text` = body",
    "delay": "waits `seconds`, then handles the request as usual",
    "drop_before": "closes the connection; the request is not handled",
    "apply_then_drop": "handles the request, then closes the connection without a byte of answer",
    "apply_late": "closes the connection at once and handles the request `seconds` later",
    "truncate": "handles the request, announces the whole answer, sends half of it and closes the connection",
    "garble": "handles the request and overwrites the middle of the answer with bytes that are neither JSON nor UTF-8",
    "throttle": "answers 429 with Retry-After `seconds` (default 1) and `text`; the request is not handled",
    "html": "answers `status` (default 200) with a gateway's HTML page (with `apply`: after handling the request)",
    "byte_by_byte": "handles the request and sends the answer one byte at a time over `seconds` in all",
    "redirect": "answers 307 to the address in `text`; the request is not handled",
}


class BadFault(ValueError):
    """A fault that cannot be armed; the text says why."""


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests. ``method`` in any case; the others are regular expressions searched for; empty = any."""

    method: str = ""
    path: str = ""
    query: str = ""
    body: str = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One switch. It fires on every ``every``-th matching request, with ``probability`` (drawn from ``seed``), at most
    ``count`` times (None = without end). ``field``, ``code`` and ``text`` are for actions that can say more."""

    action: str
    match: Match = Match()
    status: int | None = None
    seconds: float | None = None
    count: int | None = 1
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    apply: bool = False
    text: str = ""
    field: str = ""
    code: str = ""


class Armed:
    """A fault with its counters."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number, self.fault = number, fault
        self.matched = self.fired = 0
        self._random = random.Random(fault.seed)
        self._method = fault.match.method.upper()
        self._path = re.compile(fault.match.path)
        self._query = re.compile(fault.match.query)
        self._body = re.compile(fault.match.body.encode())

    def fires(self, method: str, path: str, query: str, body: bytes) -> bool:
        """Counts the request where it matches, and says whether the fault fires on it."""
        fault = self.fault
        if fault.count is not None and self.fired >= fault.count:
            return False
        if self._method and self._method != method:
            return False
        if not (self._path.search(path) and self._query.search(query) and self._body.search(body)):
            return False
        self.matched += 1
        if self.matched % fault.every:
            return False
        if fault.probability < 1.0 and self._random.random() >= fault.probability:
            return False
        self.fired += 1
        return True

    def describe(self) -> dict[str, Any]:
        described = msgspec.to_builtins(self.fault)
        return {"id": self.number, **described, "matched": self.matched, "fired": self.fired}


class FaultBoard:
    """What is armed for one system. ``system_actions``: name to meaning of what that system's routes can do. ``wire``:
    actions of which only one is carried out; none where what is armed is no request."""

    def __init__(self, system_actions: Mapping[str, str], wire: Mapping[str, str] = WIRE_ACTIONS) -> None:
        self.actions = {**wire, **system_actions}
        self._deciding = wire.keys() - {"delay"}
        self._armed: list[Armed] = []
        self._numbers = 0

    def arm(self, fault: Fault) -> Armed:
        """``BadFault`` for an unknown action, a pattern that does not compile, or numbers out of range."""
        if fault.action not in self.actions:
            raise BadFault(f"unknown action {fault.action!r}; known here: {', '.join(sorted(self.actions))}")
        if fault.every < 1 or not 0 <= fault.probability <= 1 or (fault.count is not None and fault.count < 1):
            raise BadFault("every and count start at 1, probability lies between 0 and 1")
        if fault.seconds is not None and not 0 <= fault.seconds <= 3600:
            raise BadFault("seconds lies between 0 and 3600")
        if fault.action == "status" and (fault.status is None or not 200 <= fault.status <= 599):
            raise BadFault("the action status needs a status from 200 to 599")
        try:
            armed = Armed(self._numbers + 1, fault)
        except re.error as error:
            raise BadFault(f"a pattern does not compile: {error}") from error
        self._numbers += 1
        self._armed.append(armed)
        return armed

    def clear(self) -> None:
        self._armed.clear()

    def describe(self) -> list[dict[str, Any]]:
        return [armed.describe() for armed in self._armed]

    def due(self, method: str, path: str, query: str, body: bytes) -> list[Fault]:
        """The faults that fire on a request: delays and system actions all, of the others the first one armed."""
        due: list[Fault] = []
        decided = False
        for armed in self._armed:
            decides = armed.fault.action in self._deciding
            if decides and decided:
                continue
            if armed.fires(method, path, query, body):
                due.append(armed.fault)
                decided = decided or decides
        return due

    @property
    def quiet(self) -> bool:
        return not self._armed


def flagged(connection: HTTPConnection, action: str) -> Fault | None:
    """For routes: the system action of this name that fired on this request, or None."""
    for fault in connection.scope.get("sandbox.faults", ()):
        if fault.action == action:
            found: Fault = fault
            return found
    return None
