"""A plain client of the sandbox's API, written against the reference and not with the project's own client."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec

TENANT = "1234567"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Api:
    """``get("accounting", "/invoices", page=2)``; numbers with a point come as ``Decimal``."""

    def __init__(self, origin: str) -> None:
        self.http = httpx.Client(base_url=origin, timeout=30)
        self.headers = {"ST-App-Key": "ak1.sandbox"}
        self.renew()

    def renew(self) -> None:
        self.headers["Authorization"] = f"Bearer {self.ask_token().json()['access_token']}"

    def wait(self, seconds: int) -> None:
        """Lets time pass in the sandbox, and fetches a token that is good afterwards."""
        self.control("clock", {"advance": seconds})
        self.renew()

    def ask_token(self, **changes: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": "cid.sandbox", "client_secret": "cs.sandbox"}
        return self.http.post("/connect/token", data={**form, **changes})

    def call(self, module: str, path: str, /, **parameters: Any) -> httpx.Response:
        url = f"/{module}/v2/tenant/{TENANT}{path}"
        return self.http.get(url, params=parameters, headers=self.headers)

    def query(self, module: str, path: str, query: str) -> httpx.Response:
        """With a raw query string, for repeated parameters and unencoded signs."""
        url = f"/{module}/v2/tenant/{TENANT}{path}"
        return self.http.get(httpx.URL(str(self.http.base_url) + url, query=query.encode()), headers=self.headers)

    def get(self, module: str, path: str, /, **parameters: Any) -> Any:
        answer = self.call(module, path, **parameters)
        assert answer.status_code == 200, answer.text
        return _decode(answer.content)

    def post(self, module: str, path: str, body: Any) -> httpx.Response:
        return self.http.post(f"/{module}/v2/tenant/{TENANT}{path}", json=body, headers=self.headers)

    def patch(self, module: str, path: str, body: Any) -> httpx.Response:
        return self.http.patch(f"/{module}/v2/tenant/{TENANT}{path}", json=body, headers=self.headers)

    def every(self, module: str, path: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page until ``hasMore`` says no."""
        rows: list[dict[str, Any]] = []
        for page in range(1, 10_000):
            answer = self.get(module, path, **{"pageSize": 500, **parameters, "page": page})
            rows += answer["data"]
            if not answer["hasMore"]:
                return rows
        raise AssertionError("the list never ends")

    def feed(self, module: str, path: str, start: str = "", **parameters: Any) -> Iterator[dict[str, Any]]:
        """The pages of a feed until ``hasMore`` says no."""
        while True:
            answer = self.get(module, path, **({"from": start} if start else {}), **parameters)
            yield answer
            if not answer["hasMore"]:
                return
            start = answer["continueFrom"]

    def control(self, name: str, body: Any = None) -> Any:
        """POST with a body, GET without."""
        url = f"/_sandbox/{name}"
        answer = self.http.get(url) if body is None else self.http.post(url, json=body)
        assert answer.status_code < 300, answer.text
        return _decode(answer.content)

    def act(self, action: str, **arguments: Any) -> list[dict[str, Any]]:
        changed: list[dict[str, Any]] = self.control("business", {"action": action, **arguments})["changed"]
        return changed


def pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
