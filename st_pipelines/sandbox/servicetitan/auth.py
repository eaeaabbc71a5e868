"""The auth server and the check at the door. Invariant: a token opens one tenant only, for its life only.

Tokens are JWTs in the published shape, signed with a key of the sandbox, so that they outlive a restart.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan.errors import ApiError
from st_pipelines.sandbox.servicetitan.lists import CurrentSettings
from st_pipelines.sandbox.servicetitan.rate import Bucket

_KEY = b"servicetitan sandbox signing key"
_SCOPE = "tn.acc.invoices:r"


class AuthServer:
    """``POST /connect/token``: client credentials as a form (or HTTP Basic beside the form); nothing else."""

    def __init__(self, settings: CurrentSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._issued = 0
        self._revoked: set[str] = set()
        self._calls = Bucket()

    async def token(self, request: Request) -> Response:
        settings = self._settings.now
        per_minute = settings.token_calls_per_minute
        wait = self._calls.wait(settings.client_id, per_minute / 60, burst=per_minute)
        if wait:
            raise ApiError(429, f"Rate limit is exceeded. Try again in {wait} seconds.", retry_s=wait)
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _refused("invalid_request")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(), True).items()}
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type")
        identity, secret = _basic(request.headers) or (form.get("client_id", ""), form.get("client_secret", ""))
        known = hmac.compare_digest(identity.encode(), settings.client_id.encode())
        if not (hmac.compare_digest(secret.encode(), settings.client_secret.encode()) and known):
            return _refused("invalid_client")
        body: dict[str, Any] = {"access_token": self._sign(), "expires_in": settings.token_life_s}
        body |= {"token_type": "Bearer", "scope": _SCOPE}
        return Response(msgspec.json.encode(body), media_type="application/json")

    def check(self, request: Request) -> None:
        """Raises ``ApiError``: 401 without a live token or known app key, 403 for another tenant's path."""
        token = _presented(request)
        claims = self._claims(token)
        if claims is None or token in self._revoked or int(claims["exp"]) <= self._clock.now().timestamp():
            raise ApiError(401, "The access token is missing, invalid or expired.")
        if request.headers.get("st-app-key") != self._settings.now.app_key:
            raise ApiError(401, "The ST-App-Key header is missing or unknown.")
        if request.path_params["tenant"] != claims["tenant"]:
            raise ApiError(403, "The access token does not belong to this tenant.")

    def revoke(self, request: Request) -> None:
        """The token that came with this request opens nothing any more."""
        self._revoked.add(_presented(request))

    def _sign(self) -> str:
        settings = self._settings.now
        self._issued += 1
        now = int(self._clock.now().timestamp())
        claims = {
            "nbf": now, "exp": now + settings.token_life_s, "iss": "sandbox", "client_id": settings.client_id,
            "tenant": settings.tenant, "jti": f"{now:x}-{self._issued:x}", "iat": now, "scope": [_SCOPE],
        }  # fmt: skip
        head = _segment(b'{"alg":"HS256","typ":"at+jwt"}') + "." + _segment(msgspec.json.encode(claims))
        return f"{head}.{_signature(head)}"

    def _claims(self, token: str) -> dict[str, Any] | None:
        head, _, signature = token.rpartition(".")
        if not head.isascii() or not hmac.compare_digest(_signature(head).encode(), signature.encode()):
            return None
        claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(head.split(".")[1] + "=="))
        return claims


def _presented(request: Request) -> str:
    """The token of the Authorization header: after ``Bearer``, or bare, as the servicepytan client sends it."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else "" if token else kind


def _refused(error: str) -> Response:
    return Response(msgspec.json.encode({"error": error}), 400, media_type="application/json")


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        identity, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(identity), unquote(secret)


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _signature(head: str) -> str:
    return _segment(hmac.new(_KEY, head.encode("ascii", "replace"), hashlib.sha256).digest())
