"""Sessions of this QAD. Invariant: a token dies of age and of rest, and a new login never revives it.

Tokens live in memory: a restarted server knows none of the old ones, as a real one may not.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.kernel import ExactJson
from st_pipelines.sandbox.qad.served import Served
from st_pipelines.sandbox.qad.wire import GatewayError


@dataclass
class Session:
    made: datetime
    used: datetime


class Logins:
    """Issues and checks tokens by the sandbox's clock."""

    def __init__(self, served: Served, clock: Clock) -> None:
        self._served, self._clock = served, clock
        self._sessions: dict[str, Session] = {}
        self._refresh: set[str] = set()

    async def token(self, request: Request) -> Response:
        """``POST /oauth/token``: password and refresh grants, parameters in the form or the query."""
        body = (await request.body()).decode("utf-8", "replace")
        given = {**dict(request.query_params), **dict(parse_qsl(body, keep_blank_values=True))}
        login = self._served.login
        if given.get("client_id") != login["client_id"]:
            return _grant_error("invalid_client", "unknown client id")
        match given.get("grant_type"):
            case "password":
                if (given.get("username"), given.get("password")) != (login["username"], login["password"]):
                    return _grant_error("invalid_grant", "Bad credentials")
            case "refresh_token":
                if given.get("refresh_token") not in self._refresh:
                    return _grant_error("invalid_grant", "Invalid refresh token")
                self._refresh.discard(given["refresh_token"])
            case _:
                return _grant_error("unsupported_grant_type", "unsupported grant type", 400)
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        now = self._clock.now()
        self._sessions[access] = Session(now, now)
        self._refresh.add(refresh)
        return ExactJson(
            {
                "access_token": access,
                "refresh_token": refresh,
                "token_type": "Bearer",
                "expires_in": self._served.absolute_s,
            }
        )

    async def security_control(self, request: Request) -> Response:
        """``GET /api/qracore/securityControl`` with Basic authentication: the client id and the session lengths."""
        if not self._basic(request.headers.get("authorization", "")):
            raise GatewayError(401, "Unauthorized")
        control = {
            "clientId": self._served.login["client_id"],
            "sessionLength": self._served.absolute_s // 60,
            "timeoutMinutes": self._served.idle_s // 60,
        }
        return ExactJson({"data": {"securityControls": [control]}})

    def check(self, request: Request) -> None:
        """Raises ``GatewayError`` 401 for a missing, unknown, aged or rested token; 403 where the switch says so."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        session = self._sessions.get(token) if scheme.lower() == "bearer" else None
        if session is not None and flagged(request, "expire_token"):
            del self._sessions[token]
            session = None
        now = self._clock.now()
        if session is not None:
            aged = (now - session.made).total_seconds() >= self._served.absolute_s
            rested = (now - session.used).total_seconds() >= self._served.idle_s
            if aged or rested:
                del self._sessions[token]
                session = None
        if session is None:
            raise GatewayError(401, "Unauthorized")
        session.used = now
        if flagged(request, "forbidden"):
            raise GatewayError(403, "Access is denied")

    def _basic(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        login = self._served.login
        return scheme.lower() == "basic" and (user, password) == (login["username"], login["password"])


def _grant_error(error: str, description: str, status: int = 401) -> Response:
    return ExactJson({"error": error, "error_description": description}, status_code=status)
