"""Asks a token endpoint for a token. Invariant: the credentials go to the endpoint's own origin only, in the body, and
no answer of it is ever shown.

Asking for a token changes nobody's books, so it is repeated like a read.
"""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import Token
from st_pipelines.systems.http import retries
from st_pipelines.systems.http.deadline import Deadline, Timeouts
from st_pipelines.systems.http.errors import Misconfigured, SignInRefused, SignInUnavailable
from st_pipelines.systems.http.exact_json import MalformedJson, decode
from st_pipelines.systems.http.origin import parse_base_url
from st_pipelines.systems.http.redact import one_line
from st_pipelines.systems.http.throttle import wait_s
from st_pipelines.systems.http.wire import Answer, AnswerLost, NotConnected, Wire

SIGN_IN_TIMEOUTS = Timeouts(connect_s=10.0, read_s=20.0, write_s=20.0, pool_s=10.0, total_s=45.0)
LARGEST_ANSWER = 1024 * 1024
LONGEST_LIFE_S = 30 * 24 * 3600
_REFUSED = (400, 401, 403, 404, 405, 422)


class TokenEndpoint:
    """One token URL of one connection. Thread-safe."""

    def __init__(
        self,
        connection: str,
        url: str,
        *,
        ca_file: str | None = None,
        private_network: bool = False,
        timeouts: Timeouts = SIGN_IN_TIMEOUTS,
        default_life_s: int = 600,
    ) -> None:
        where = parse_base_url(url, connection)
        self._connection = connection
        self._target = where.prefix or "/"
        self._timeouts = timeouts
        self._default_life_s = default_life_s
        self._wire = Wire(
            where.origin,
            connection,
            timeouts=timeouts,
            ca_file=ca_file,
            max_connections=2,
            private_network=private_network,
            largest_body=LARGEST_ANSWER,
        )

    def ask(self, form: Mapping[str, Secret | str]) -> Token:
        """A new token. Raises ``SignInRefused`` on a refusal, ``SignInUnavailable`` after three attempts or 45 s."""
        deadline = Deadline(self._timeouts.total_s)
        body = urlencode({key: _plain(value) for key, value in form.items()}).encode("ascii")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": "st-pipelines",
        }
        attempt, wait = 0, 0.0
        while True:
            attempt += 1
            try:
                answer = self._wire.send("POST", self._target, headers, body, deadline)
            except (NotConnected, AnswerLost) as fault:
                why, wait = str(fault), 0.0
            else:
                if 200 <= answer.status < 300:
                    token = self._token(answer)
                    if token is not None:
                        return token
                    why = "answered without a usable access_token"
                elif answer.status in _REFUSED:
                    raise self._refused(answer)
                else:
                    why, wait = f"answered {answer.status}", wait_s(answer.headers, answer.content) or 0.0
            wait = max(wait, retries.pause_s(attempt))
            if attempt >= retries.QUICK_ATTEMPTS or wait >= deadline.left():
                raise SignInUnavailable(
                    f"the token endpoint gives no token: {why}",
                    connection=self._connection,
                    entity="sign-in",
                    cure="it is tried again later; if it stays, check the token URL and the vendor's status page",
                    retry_after_s=wait,
                )
            time.sleep(wait)

    def close(self) -> None:
        """Closes idle connections."""
        self._wire.close()

    def _token(self, answer: Answer) -> Token | None:
        body = _object(answer)
        value, refresh, life = body.get("access_token"), body.get("refresh_token"), body.get("expires_in")
        if not isinstance(value, str) or not 0 < len(value) <= 16_384 or not _sendable(value):
            return None
        if isinstance(life, str) and life.isascii() and life.isdigit() and len(life) < 10:
            life = int(life)
        seconds = int(life) if isinstance(life, int | Decimal) and not isinstance(life, bool) else self._default_life_s
        if seconds <= 0:
            return None
        return Token(
            Secret(value),
            min(seconds, LONGEST_LIFE_S),
            Secret(refresh) if isinstance(refresh, str) and refresh else None,
        )

    def _refused(self, answer: Answer) -> SignInRefused | Misconfigured:
        error = _object(answer).get("error")
        name = f" ({one_line(error, 60)})" if isinstance(error, str) else ""
        if answer.status in (404, 405):
            return Misconfigured(
                f"the token endpoint answered {answer.status}",
                connection=self._connection,
                entity="sign-in",
                cure="check the token URL of the connection",
            )
        return SignInRefused(
            f"the sign-in was refused with {answer.status}{name}",
            connection=self._connection,
            entity="sign-in",
            cure="check client id, secret, user and password of the connection, and that it is of this environment",
        )


def _object(answer: Answer) -> dict[str, Any]:
    try:
        body = decode(answer.content)
    except MalformedJson:
        return {}
    return body if isinstance(body, dict) else {}


def _plain(value: Secret | str) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _sendable(value: str) -> bool:
    return all(33 <= ord(character) <= 126 for character in value)
