"""ServiceTitan's error object. Invariant: its six fields are always there."""

from itertools import count

import msgspec
from starlette.responses import Response

_trace = count(1)


class ApiError(Exception):
    """Becomes an ``ApiErrorResponse``. ``fields`` names the offending parameters with their messages."""

    def __init__(self, status: int, title: str, fields: dict[str, list[str]] | None = None, retry_s: int = 0) -> None:
        super().__init__(title)
        self.status, self.title, self.fields, self.retry_s = status, title, fields or {}, retry_s

    def response(self) -> Response:
        body = {
            "type": f"https://httpstatuses.io/{self.status}",
            "title": self.title,
            "status": self.status,
            "traceId": f"00-{next(_trace):032x}-0000000000000001-00",
            "errors": self.fields,
            "data": {},
        }
        headers = {"Retry-After": str(self.retry_s)} if self.retry_s else {}
        return Response(msgspec.json.encode(body), self.status, headers, "application/json")


def bad_value(field: str, value: str) -> ApiError:
    return ApiError(400, "One or more validation errors occurred.", {field: [f"The value '{value}' is not valid."]})


def not_found(what: str) -> ApiError:
    return ApiError(404, f"{what} was not found.")
