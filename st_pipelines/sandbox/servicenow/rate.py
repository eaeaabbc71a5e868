"""Rate limit rules: so many calls an hour for a user, a role or everybody, per API. Invariant: without a rule in force
an answer says nothing about rates, and no answer ever says how much is left.

The hour passes in real time, whatever the sandbox's clock says; the reset that the header names is by that clock.
"""

import time
from typing import Any

from st_pipelines.sandbox.servicenow.errors import ApiError
from st_pipelines.sandbox.servicenow.rights import Person
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

Record = dict[str, Any]


class RateRules:
    def __init__(self, rows: Rows, settings: CurrentSettings) -> None:
        self._rows, self._settings = rows, settings
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def count(self, person: Person, api: str) -> dict[str, str]:
        """Counts a call of ``table``, ``import`` or ``batch``. Gives the headers; ``ApiError`` 429 over the limit."""
        rule = self._rule(person, api)
        if rule is None:
            return {}
        key, limit, length = (rule["sys_id"], person.user_name), int(rule["request_limit_per_hour"]), self._length()
        now = time.monotonic()
        since, calls = self._windows.get(key, (now, 0))
        if now - since >= length:
            since, calls = now, 0
        left = max(1, round(since + length - now))
        reset = int(self._rows.clock.now().timestamp()) + left
        headers = {
            "X-RateLimit-Limit": str(limit), "X-RateLimit-Reset": str(reset), "X-RateLimit-Rule": rule["sys_id"],
        }  # fmt: skip
        if calls >= limit:
            raise too_many(left, limit, headers)
        self._windows[key] = (since, calls + 1)
        return headers

    def _rule(self, person: Person, api: str) -> Record | None:
        """The narrowest active rule: the user's own, one of a role, one for all."""
        rules = [one for one in self._rows.books.all("sys_rate_limit_rules") if one["active"] == "true"]
        fitting = [one for one in rules if one["api"] in ("", api) and (not one["role"] or one["role"] in person.roles)]
        own = [one for one in fitting if one["user"] in ("", person.sys_id)]
        return max(own, key=lambda one: (one["user"] != "", one["role"] != ""), default=None)

    def _length(self) -> int:
        return self._settings.now.rate_window_s


def too_many(seconds: int, limit: int, headers: dict[str, str] | None = None) -> ApiError:
    detail = f"Request exceeds the configured rate limit of {limit} requests per hour"
    return ApiError(429, "Rate limit exceeded", detail, {**(headers or {}), "Retry-After": str(seconds)})
