"""``/oauth_token.do`` and who is behind a call. Invariant: a client has one live token at most; asking again while it
lives gives the same token with the seconds it has left.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.servicenow.errors import not_authenticated
from st_pipelines.sandbox.servicenow.rights import Person, Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

GRANT = "glide.oauth.inbound.client.credential.grant_type.enabled"
_TOKENS = "oauth_credential"


class Auth:
    """Tokens are opaque and outlive a restart."""

    def __init__(self, rows: Rows, rights: Rights, settings: CurrentSettings) -> None:
        self._rows, self._rights, self._settings = rows, rights, settings

    async def token(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _refused(401, "server_error", "access_denied")
        form = {name: texts[0] for name, texts in parse_qs((await request.body()).decode(), True).items()}
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "unsupported_grant_type")
        if self._property(GRANT) != "true":
            return _refused(401, "access_denied", "access_denied")
        client = self._rows.one("oauth_entity", client_id=form.get("client_id", ""), active="true")
        secret = form.get("client_secret", "")
        if client is None or not hmac.compare_digest(client["client_secret"].encode(), secret.encode()):
            return _refused(401, "invalid_client", "access_denied")
        if self._rights.person(client["user"]) is None:
            return _refused(401, "access_denied", "access_denied")
        return Response(msgspec.json.encode(self._live_token(client)), media_type="application/json")

    def person(self, request: Request) -> Person:
        """Raises ``ApiError`` 401 without a live token or a known name and password."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        person = None
        if kind.lower() == "bearer":
            held = self._token(given)
            person = None if held is None else self._rights.person(held["user"])
        elif kind.lower() == "basic":
            person = self._by_password(given)
        if person is None:
            raise not_authenticated()
        return person

    def revoke(self, request: Request) -> None:
        """The token of this request opens nothing any more, and is not given again."""
        held = self._token(request.headers.get("authorization", "").partition(" ")[2])
        if held is not None:
            self._rows.books.delete(_TOKENS, held["client"])

    def _live_token(self, client: dict[str, Any]) -> dict[str, Any]:
        books, now = self._rows.books, int(self._rows.clock.now().timestamp())
        held = books.get(_TOKENS, client["sys_id"])
        if held is None or held["expires"] <= now:
            number = books.next_number("token")
            text = hashlib.sha256(f"{client['client_id']}|{number}|{now}".encode()).hexdigest()[:43]
            life = int(client["access_token_lifespan"] or self._settings.now.token_life_s)
            fresh = {"client": client["sys_id"], "token": text, "user": client["user"], "expires": now + life}
            held = books.put(_TOKENS, client["sys_id"], fresh)
        return {"access_token": held["token"], "scope": "useraccount", "token_type": "Bearer",
                "expires_in": held["expires"] - now}  # fmt: skip

    def _token(self, text: str) -> dict[str, Any] | None:
        now = self._rows.clock.now().timestamp()
        return next((one for one in self._rows.books.find(_TOKENS, "token", text) if one["expires"] > now), None)

    def _by_password(self, given: str) -> Person | None:
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        user = self._rows.one("sys_user", user_name=name)
        right = hmac.compare_digest(password.encode(), self._settings.now.password.encode())
        return self._rights.person(user["sys_id"]) if user is not None and right else None

    def _property(self, name: str) -> str:
        found = self._rows.one("sys_properties", name=name)
        return "" if found is None else str(found["value"])


def _refused(status: int, error: str, description: str) -> Response:
    body = {"error": error, "error_description": description}
    return Response(msgspec.json.encode(body), status, media_type="application/json")
