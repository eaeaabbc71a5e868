"""A plain client of the sandbox's API, written against the reference and not with the project's own client."""

import base64
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

PLAIN = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true"}


class Api:
    """``rows("sn_shop_invoice", "state=110")``; ``as_user`` takes a name of ``masters.USERS`` instead of the client."""

    def __init__(self, origin: str, as_user: str = "") -> None:
        self.origin = origin
        self.http = httpx.Client(base_url=origin, timeout=30)
        self.headers = {"Accept": "application/json"}
        if as_user:
            self.headers["Authorization"] = "Basic " + base64.b64encode(f"{as_user}:sn-password".encode()).decode()
        else:
            self.renew()

    def renew(self) -> None:
        self.headers["Authorization"] = f"Bearer {self.ask_token().json()['access_token']}"

    def user(self, name: str) -> "Api":
        return Api(self.origin, name)

    def ask_token(self, **changes: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": "sn-client", "client_secret": "sn-secret"}
        return self.http.post("/oauth_token.do", data={**form, **changes})

    def get(self, path: str, /, **parameters: Any) -> httpx.Response:
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
        return self.http.get(f"{path}?{query}" if query else path, headers=self.headers)

    def rows(self, table: str, query: str = "", /, **parameters: Any) -> list[dict[str, Any]]:
        asked = {**PLAIN, "sysparm_query": query, **parameters}
        answer = self.get(f"/api/now/table/{table}", **asked)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["result"]
        return rows

    def one(self, table: str, query: str, /) -> dict[str, Any]:
        rows = self.rows(table, query)
        assert len(rows) == 1, (table, query, rows)
        return rows[0]

    def send(self, method: str, path: str, body: Any, /, **parameters: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, headers=self.headers, params=parameters)

    def create(self, table: str, /, **fields: Any) -> dict[str, Any]:
        answer = self.send("POST", f"/api/now/table/{table}", fields, **PLAIN)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["result"]
        return made

    def change(self, table: str, sys_id: str, /, **fields: Any) -> dict[str, Any]:
        answer = self.send("PATCH", f"/api/now/table/{table}/{sys_id}", fields, **PLAIN)
        assert answer.status_code == 200, answer.text
        changed: dict[str, Any] = answer.json()["result"]
        return changed

    def stage(self, table: str, /, **fields: str) -> dict[str, Any]:
        """One row through the Import Set API: the first result of its transform."""
        answer = self.send("POST", f"/api/now/import/{table}", fields)
        assert answer.status_code == 201, answer.text
        (result,) = answer.json()["result"]
        return dict(result)

    def control(self, name: str, body: Any = None) -> Any:
        """POST with a body, GET without."""
        url = f"/_sandbox/{name}"
        answer = self.http.get(url) if body is None else self.http.post(url, json=body)
        assert answer.status_code < 300, answer.text
        return msgspec.json.decode(answer.content)

    def act(self, action: str, **arguments: Any) -> list[dict[str, Any]]:
        changed: list[dict[str, Any]] = self.control("business", {"action": action, **arguments})["changed"]
        return changed

    def wait(self, seconds: int) -> None:
        """Lets time pass in the sandbox, and fetches a token that is good afterwards."""
        self.control("clock", {"advance": seconds})
        if self.headers["Authorization"].startswith("Bearer"):
            self.renew()
