"""What every call passes first: token, app key, tenant, rate. Invariant: a refused call has had no effect.

Also turns ``ApiError`` into an answer, and carries out the failure switches that only ServiceTitan knows.
"""

import inspect
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.servicetitan.auth import AuthServer
from st_pipelines.sandbox.servicetitan.errors import ApiError
from st_pipelines.sandbox.servicetitan.lists import CurrentSettings
from st_pipelines.sandbox.servicetitan.rate import Bucket

ACTIONS = {
    "expire_token": "the token of this request is expired from now on: 401 until a new one is fetched",
    "rate_limit": "ServiceTitan's own 429 with `seconds` in the title; `code` body_only leaves Retry-After away",
}


class Door:
    def __init__(self, settings: CurrentSettings, clock: Clock) -> None:
        self._settings = settings
        self._auth = AuthServer(settings, clock)
        self._calls = Bucket()

    async def token(self, request: Request) -> Response:
        try:
            return await self._auth.token(request)
        except ApiError as error:
            return error.response()

    def guarding(
        self, handler: Callable[[Request], Response | Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                self._pass(request)
                answer = handler(request)
                return await answer if inspect.isawaitable(answer) else answer
            except ApiError as error:
                return error.response()

        return guarded

    def _pass(self, request: Request) -> None:
        if flagged(request, "expire_token"):
            self._auth.revoke(request)
        self._auth.check(request)
        storm = flagged(request, "rate_limit")
        if storm is not None:
            raise too_many(max(1, round(storm.seconds or 1)), with_header=storm.code != "body_only")
        settings = self._settings.now
        key = f"{settings.app_key}|{request.path_params['tenant']}"
        wait = self._calls.wait(key, settings.rate_per_s, burst=settings.rate_per_s)
        if wait:
            raise too_many(wait)


def too_many(seconds: int, *, with_header: bool = True) -> ApiError:
    """The wait is the second-to-last word of the title; the header is sent too, because real clients look for it."""
    title = f"Rate limit is exceeded. Try again in {seconds} seconds."
    return ApiError(429, title, retry_s=seconds if with_header else 0)
