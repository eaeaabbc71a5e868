"""What every call passes first: token, rate, verb and media types. Invariant: a refused call has had no effect.

Also turns ``ApiError`` into an answer, and carries out the failure switches that only ServiceNow knows.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.servicenow.auth import Auth
from st_pipelines.sandbox.servicenow.errors import ApiError, forbidden
from st_pipelines.sandbox.servicenow.rate import RateRules, too_many
from st_pipelines.sandbox.servicenow.rights import Person
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

ACTIONS = {
    "expire_token": "the token of this request is dead from now on: 401, and the next request for one gets another",
    "forbidden": "403 as for a missing role; `text` is the detail",
    "rate_limit": "ServiceNow's own 429 with Retry-After `seconds`",
    "over_time": "a list ends in an error object inside its 200, in the middle of a row; `code` whole: after the list",
    "saved_meanwhile": "after a list was read, somebody saves the first row of its page (`status` = how many rows)",
    "transform_error": "the transform of an import row fails inside the 201; `text` is the error",
    "leave_unserviced": "a batch serves only the first half of its requests and lists the others",
}
INSIDE = "sandbox.inside_a_batch"
Handler = Callable[[Request, Person], Awaitable[Response]]


class Door:
    """``run_due``: what the instance has to do by now, before it answers."""

    def __init__(self, auth: Auth, rules: RateRules, settings: CurrentSettings, run_due: Callable[[], None]) -> None:
        self._auth, self._rules, self._settings, self._run_due = auth, rules, settings, run_due

    def guarding(self, api: str, methods: Sequence[str], handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                self._check_length(request)
                person = self._pass(request)
                headers = self._rules.count(person, api)
                _check_form(request, methods)
                self._run_due()
                answer = await handler(request, person)
                answer.headers.update({**headers, "X-Is-Logged-In": "true"})
                return answer
            except ApiError as error:
                return error.response()

        return guarded

    def _check_length(self, request: Request) -> None:
        """What comes inside a batch has no way to go."""
        length = len(request.url.path) + len(request.url.query)
        if length > self._settings.now.url_bytes and not request.scope.get(INSIDE):
            raise ApiError(414, "Request-URI Too Long", f"{length} bytes")

    def _pass(self, request: Request) -> Person:
        if flagged(request, "expire_token"):
            self._auth.revoke(request)
        person = self._auth.person(request)
        storm = flagged(request, "rate_limit")
        if storm is not None:
            raise too_many(max(1, round(storm.seconds or 1)), 1)
        closed = flagged(request, "forbidden")
        if closed is not None:
            raise forbidden(closed.text or "Failed API level ACL Validation")
        return person


def _check_form(request: Request, methods: Sequence[str]) -> None:
    if request.method not in methods:
        raise ApiError(405, "Method not supported", f"{request.method} is not supported here")
    accept = request.headers.get("accept", "*/*")
    if not any(one in accept for one in ("json", "*/*", "application/*")):
        raise ApiError(406, "Not acceptable", f"Cannot produce {accept}")
    content = request.headers.get("content-type", "")
    if request.method in ("POST", "PUT", "PATCH") and not content.startswith("application/json"):
        raise ApiError(415, "Unsupported media type", f"Cannot read {content or 'a body without a type'}")
