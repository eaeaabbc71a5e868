"""The time that a sandbox lives in. Invariant: it moves only when told to, unless it was set ticking.

A standing clock makes every test repeatable; a ticking one lets tokens expire by themselves. Persisted where a path is
given, so that a restarted sandbox goes on from the same instant.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

DEFAULT_START = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Clock:
    """``now()`` is an aware UTC instant with whole milliseconds."""

    def __init__(self, start: datetime = DEFAULT_START, *, ticking: bool = False, path: Path | None = None) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock needs an instant with a time zone")
        self._start, self._start_ticking, self._path = start.astimezone(UTC), ticking, path
        self._base, self._ticking, self._since = self._start, ticking, time.monotonic()
        if path is not None and path.exists():
            kept = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
            self._base, self._ticking = datetime.fromisoformat(kept["now"]), kept["ticking"] == "yes"

    @property
    def ticking(self) -> bool:
        return self._ticking

    def now(self) -> datetime:
        if not self._ticking:
            return self._base
        now = self._base + timedelta(seconds=time.monotonic() - self._since)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def iso(self) -> str:
        """Now as ``2026-11-02T12:00:00.000Z``."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.now().microsecond // 1000:03d}Z"

    def move_to(self, instant: datetime) -> None:
        """Forward or back; ``ValueError`` for an instant without a time zone."""
        if instant.tzinfo is None:
            raise ValueError("the clock needs an instant with a time zone")
        self._set(instant.astimezone(UTC), self._ticking)

    def advance(self, seconds: float) -> None:
        self._set(self.now() + timedelta(seconds=seconds), self._ticking)

    def tick(self, ticking: bool) -> None:
        """Lets the clock run, or stops it where it stands."""
        self._set(self.now(), ticking)

    def reset(self) -> None:
        """Back to where it stood when the sandbox was made."""
        self._set(self._start, self._start_ticking)

    def _set(self, instant: datetime, ticking: bool) -> None:
        self._base, self._ticking, self._since = instant, ticking, time.monotonic()
        if self._path is not None:
            kept = {"now": instant.isoformat(), "ticking": "yes" if ticking else "no"}
            temporary = self._path.with_suffix(".new")
            temporary.write_bytes(msgspec.json.encode(kept))
            temporary.replace(self._path)
