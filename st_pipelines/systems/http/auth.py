"""How a connection proves who it is. Invariant: one token a connection in the installation, renewed once on a 401.

``Auth.headers()`` gives what goes on each request of the client, which sends it to the origin of its base URL only.
"""

import time
from collections.abc import Mapping
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.tokens import CannotRenew, Token, TokenCache
from st_pipelines.systems.http.errors import SignInRefused, SignInUnavailable
from st_pipelines.systems.http.token_endpoint import TokenEndpoint

AUTHORIZATION = "Authorization"
_BEARER = "Bearer "


class Auth(Protocol):
    """Thread-safe. Both methods raise ``SignInRefused``, ``SignInUnavailable`` or ``Misconfigured``."""

    def headers(self) -> Mapping[str, Secret | str]:
        """The headers that carry the credentials, ready to send."""

    def renew(self, rejected: Mapping[str, str]) -> bool:
        """After a 401 to a request with these headers: true if there are now others, worth one more try."""


class StaticHeaders:
    """Credentials that do not change: an API key, Basic, or none at all. A 401 is final."""

    def __init__(self, headers: Mapping[str, Secret | str] | None = None) -> None:
        self._headers = dict(headers or {})

    def headers(self) -> Mapping[str, Secret | str]:
        return self._headers

    def renew(self, rejected: Mapping[str, str]) -> bool:
        return False


class _Bearer:
    """Puts the shared token of a connection on requests. What the two grants below have in common."""

    def __init__(
        self,
        connection: str,
        tokens: TokenCache,
        endpoint: TokenEndpoint,
        extra_headers: Mapping[str, Secret | str] | None,
    ) -> None:
        self._connection = connection
        self._tokens = tokens
        self._endpoint = endpoint
        self._extra = dict(extra_headers or {})
        self._last: tuple[Secret, Mapping[str, Secret | str]] | None = None

    def headers(self) -> Mapping[str, Secret | str]:
        return self._headers_of(self._token(None))

    def renew(self, rejected: Mapping[str, str]) -> bool:
        sent = rejected.get(AUTHORIZATION, "")
        if not sent.startswith(_BEARER):
            return False
        stale = sent.removeprefix(_BEARER)
        return self._token(stale).value.reveal() != stale

    def _token(self, stale: str | None) -> Token:
        try:
            return self._tokens.token(self._connection, self._fetch, stale=stale, renew=self._renew)
        except SignInUnavailable:
            raise
        except CannotRenew as error:
            raise SignInUnavailable(
                str(error), connection=self._connection, entity="sign-in", retry_after_s=30.0
            ) from None
        except DBAPIError as error:
            raise SignInUnavailable(
                f"the token that all processes share cannot be kept ({str(error.orig).strip()}), so nothing is sent",
                connection=self._connection,
                entity="sign-in",
                retry_after_s=30.0,
                cure="free disk space or restore write access to the database, then run again",
            ) from error

    def _headers_of(self, token: Token) -> Mapping[str, Secret | str]:
        last = self._last
        if last is not None and last[0] is token.value:
            return last[1]
        headers = {**self._extra, AUTHORIZATION: Secret(_BEARER + token.value.reveal())}
        self._last = (token.value, headers)
        return headers

    def _fetch(self) -> Token:
        raise NotImplementedError

    def _renew(self, token: Token) -> Token:
        raise CannotRenew("this grant has no refresh")


class ClientCredentials(_Bearer):
    """ServiceTitan's way: client id and secret for a bearer token, and a fixed header such as ``ST-App-Key`` beside it.

    ``token_url`` has its own origin (``https://auth…``); the id and secret go there and nowhere else, the extra headers
    never go there. ``waits_out_s``: ServiceNow gives the same token again as long as it lives; one with so few seconds
    left would expire on the way, so its end is awaited and the next one fetched.
    """

    def __init__(
        self,
        connection: str,
        token_url: str,
        client_id: Secret | str,
        client_secret: Secret,
        tokens: TokenCache,
        *,
        extra_headers: Mapping[str, Secret | str] | None = None,
        scope: str = "",
        ca_file: str | None = None,
        private_network: bool = False,
        default_life_s: int = 600,
        waits_out_s: int = 0,
    ) -> None:
        endpoint = TokenEndpoint(
            connection, token_url, ca_file=ca_file, private_network=private_network, default_life_s=default_life_s
        )
        super().__init__(connection, tokens, endpoint, extra_headers)
        self._waits_out_s = waits_out_s
        self._form: dict[str, Secret | str] = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        if scope:
            self._form["scope"] = scope

    def _fetch(self) -> Token:
        token = self._endpoint.ask(self._form)
        if token.expires_in_s > self._waits_out_s:
            return token
        time.sleep(token.expires_in_s + 1)  # whole seconds were told: one more, and it has certainly ended
        return self._endpoint.ask(self._form)


class PasswordGrant(_Bearer):
    """QAD's way: user and password once, then the refresh token as long as it is taken, then the password again."""

    def __init__(
        self,
        connection: str,
        token_url: str,
        client_id: Secret | str,
        username: Secret | str,
        password: Secret,
        tokens: TokenCache,
        *,
        extra_headers: Mapping[str, Secret | str] | None = None,
        ca_file: str | None = None,
        private_network: bool = False,
        default_life_s: int = 600,
    ) -> None:
        endpoint = TokenEndpoint(
            connection, token_url, ca_file=ca_file, private_network=private_network, default_life_s=default_life_s
        )
        super().__init__(connection, tokens, endpoint, extra_headers)
        self._client_id = client_id
        self._username = username
        self._password = password

    def _fetch(self) -> Token:
        return self._endpoint.ask(
            {
                "grant_type": "password",
                "client_id": self._client_id,
                "username": self._username,
                "password": self._password,
            }
        )

    def _renew(self, token: Token) -> Token:
        if token.refresh is None:
            raise CannotRenew("no refresh token")
        try:
            fresh = self._endpoint.ask(
                {
                    "grant_type": "refresh_token",
                    "client_id": self._client_id,
                    "refresh_token": token.refresh,
                }
            )
        except SignInRefused:
            raise CannotRenew("the refresh token is not taken any more") from None
        # a server that does not rotate refresh tokens sends none: the old one stays good
        return fresh if fresh.refresh is not None else Token(fresh.value, fresh.expires_in_s, token.refresh)
