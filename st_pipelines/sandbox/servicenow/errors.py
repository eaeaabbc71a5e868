"""ServiceNow's error object. Invariant: message, detail and status are always there, whatever went wrong."""

from typing import Any

import msgspec
from starlette.responses import Response


class ApiError(Exception):
    """Becomes ``{"error": {"message", "detail"}, "status": "failure"}``."""

    def __init__(
        self, status: int, message: str, detail: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{message}: {detail}")
        self.status, self.message, self.detail, self.headers = status, message, detail, headers or {}

    def response(self) -> Response:
        return Response(msgspec.json.encode(self.body()), self.status, self.headers, "application/json;charset=UTF-8")

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "detail": self.detail}, "status": "failure"}


def not_authenticated() -> ApiError:
    headers = {"WWW-Authenticate": 'BASIC realm="Service-now"'}
    return ApiError(401, "User Not Authenticated", "Required to provide Auth information", headers)


def no_record() -> ApiError:
    """The same words for a row that is not there and for one that may not be seen."""
    return ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def invalid_table(name: str) -> ApiError:
    return ApiError(400, f"Invalid table {name}")


def forbidden(detail: str = "Failed API level ACL Validation") -> ApiError:
    return ApiError(403, "User Not Authorized", detail)


def unknown_uri() -> ApiError:
    return ApiError(400, "Requested URI does not represent any resource")
