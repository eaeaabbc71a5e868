"""The Batch API: many requests in one, served one after the other. Invariant: the outer 200 says nothing about the
parts, and a part that is listed as unserviced has had no effect.
"""

import base64
import binascii
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.servicenow.door import INSIDE
from st_pipelines.sandbox.servicenow.errors import ApiError
from st_pipelines.sandbox.servicenow.rights import Person
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

_PHRASES = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
            404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}  # fmt: skip


class _Part(msgspec.Struct):
    id: str | int
    method: str
    url: str
    headers: list[dict[str, str]] = msgspec.field(default_factory=list)
    body: str = ""
    exclude_response_headers: bool = False


class _Order(msgspec.Struct):
    batch_request_id: str | int
    rest_requests: list[_Part]


class Batch:
    """``serve`` answers the parts: the same routes that answer everybody."""

    def __init__(self, settings: CurrentSettings) -> None:
        self._settings = settings
        self.serve: ASGIApp | None = None

    async def post(self, request: Request, person: Person) -> Response:
        try:
            order = msgspec.json.decode(await request.body(), type=_Order)
        except msgspec.DecodeError as error:
            raise ApiError(400, "Exception while reading request", str(error)) from error
        settings, serviced, unserviced, size = self._settings.now, list[dict[str, Any]](), list[str](), 0
        most = settings.batch_services or len(order.rest_requests)
        if flagged(request, "leave_unserviced"):
            most = len(order.rest_requests) // 2
        for part in order.rest_requests:
            too_much = size >= settings.batch_answer_bytes or len(part.body) > settings.batch_item_bytes
            if len(serviced) >= most or too_much:
                unserviced.append(str(part.id))
                continue
            serviced.append(await self._served(request, part))
            size += len(serviced[-1]["body"])
        body = {
            "batch_request_id": str(order.batch_request_id), "serviced_requests": serviced,
            "unserviced_requests": unserviced,
        }  # fmt: skip
        return Response(msgspec.json.encode(body), media_type="application/json;charset=UTF-8")

    async def _served(self, request: Request, part: _Part) -> dict[str, Any]:
        try:
            content = base64.b64decode(part.body, validate=True)
        except binascii.Error:
            content = b""
        status, headers, answer = await self._ask(_scope(request, part), content)
        served: dict[str, Any] = {
            "id": str(part.id), "status_code": status, "status_text": _PHRASES.get(status, ""), "execution_time": 1,
            "body": base64.b64encode(answer).decode(), "error_message": "", "redirect_url": "",
        }  # fmt: skip
        if not part.exclude_response_headers:
            served["headers"] = [{"name": name, "value": value} for name, value in headers]
        return served

    async def _ask(self, scope: Scope, content: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        status, headers, parts = 500, list[tuple[str, str]](), list[bytes]()

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(name.decode(), value.decode("latin-1")) for name, value in message.get("headers", ())]
            else:
                parts.append(message.get("body", b""))

        assert self.serve is not None
        await self.serve(scope, receive, send)
        return status, headers, b"".join(parts)


def _scope(request: Request, part: _Part) -> Scope:
    """The part as a request of its own, in the name of whoever sent the batch."""
    path, _, query = part.url.partition("?")
    own = {one["name"].lower(): one["value"] for one in part.headers}
    own.setdefault("authorization", request.headers.get("authorization", ""))
    own["host"] = request.headers.get("host", "")
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": part.method.upper(),
        "scheme": request.url.scheme, "path": unquote(path), "raw_path": path.encode("latin-1"), "root_path": "",
        "query_string": query.encode("latin-1"), "server": request.scope.get("server"), "client": None, INSIDE: True,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own.items()],
    }  # fmt: skip
