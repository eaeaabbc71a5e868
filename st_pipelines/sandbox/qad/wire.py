"""QAD's envelopes. Invariant: a business refusal is HTTP 200, ``success: false``; only the gateway uses statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import HTMLResponse, Response

from st_pipelines.sandbox.kernel import ExactJson
from st_pipelines.sandbox.qad.served import ServedEntity

Record = dict[str, Any]
decode_json = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True)
class Problem:
    """One error or warning: ``kind`` is a key of the profile's ``errors``; ``field`` is our name, "" = the record."""

    kind: str
    field: str
    message: str
    value: Any = ""


class Refused(Exception):
    """The record is not taken; nothing was changed."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class GatewayError(Exception):
    """An answer that does not come from an entity: the bare envelope with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def bare_errors(status: int, message: str) -> Response:
    errors = [{"severity": 1, "code": str(status), "message": message, "fieldName": ""}]
    return ExactJson({"errors": errors}, status_code=status)


def not_found_page() -> Response:
    return HTMLResponse(
        "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>", 404
    )


def described(
    problems: Sequence[Problem], entity: ServedEntity, codes: Mapping[str, str], severity: int
) -> list[Record]:
    """QAD's form of problems. Where the entity says so the field names are PascalCase, unlike the wire's."""
    listed = []
    for problem in problems:
        wire = entity.wire(problem.field)
        name = wire[:1].upper() + wire[1:] if entity.pascal_errors else wire
        value = problem.value if isinstance(problem.value, str) else str(problem.value)
        code = codes.get(problem.kind, problem.kind)
        listed.append(
            {"fieldName": name, "message": problem.message, "fieldValue": value, "code": code, "severity": severity}
        )
    return listed


def mandatory(field: str, value: Any = "") -> Problem:
    """QAD says the same of a blank and of a code that it cannot resolve."""
    return Problem("mandatory", field, f"The field {field} is mandatory.", value)
