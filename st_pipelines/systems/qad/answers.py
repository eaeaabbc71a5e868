"""What QAD's answers mean. Invariant: a write counts as done or refused only where the answer says so in so many words.

Observed shapes (reference/qad.md A3-A5): records with or without a ``data`` wrapper; ``submitResult`` with success and
errors, also for failures inside HTTP 200; a bare ``errors`` list from the gateway; boolean flags as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from st_pipelines.systems.qad.profile import Entity, Errors

Record = dict[str, Any]


class UntrustedAnswer(RuntimeError):
    """An answer that cannot be relied on: wrong shape, ignored filter, repeated page. Text says what to do."""


class WrongPath(UntrustedAnswer):
    """The configured path or array name does not lead to records of the entity."""


@dataclass(frozen=True)
class Problem:
    """One error of QAD's. ``field`` is the wire name (their PascalCase is undone), empty where they named none."""

    message: str
    code: str = ""
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        named = f"{self.field}: " if self.field else ""
        return f"{named}{self.message}" + (f" (code {self.code})" if self.code else "")


@dataclass(frozen=True)
class Submitted:
    """A complete answer to a write. ``success`` None = it says neither: the outcome is unknown."""

    success: bool | None
    problems: tuple[Problem, ...] = ()
    record: Record | None = None
    messages: tuple[str, ...] = field(default=())


def wire_field(name: str) -> str:
    """``CustomerInvoice.CostCentreCode`` and ``CostCentreCode`` are the wire's ``costCentreCode``."""
    last = name.rsplit(".", 1)[-1].strip()
    return last[:1].lower() + last[1:]


def read_submitted(answer: object, entity: Entity) -> Submitted:
    """The meaning of a write's JSON answer. Never raises: an answer of the wrong shape has ``success`` None."""
    if not isinstance(answer, dict):
        return Submitted(None)
    result = answer.get("submitResult")
    if isinstance(result, dict):
        problems = _problems(result.get("errors"))
        flag = result.get("success")
        success = flag if isinstance(flag, bool) else None
        return Submitted(success, problems, _echo(answer, entity), _messages(answer))
    problems = _problems(answer.get("errors"))
    return Submitted(False if problems else None, problems)


def bare_errors(answer: object) -> tuple[Problem, ...]:
    """The gateway's envelope, which also comes with HTTP 200; empty where the answer is none."""
    if isinstance(answer, dict) and "submitResult" not in answer and "data" not in answer:
        return _problems(answer.get("errors"))
    return ()


class RecordSource(Protocol):
    """Where records of one kind come from: an entity, the workspace list, the metadata."""

    @property
    def path(self) -> str: ...
    @property
    def array(self) -> str: ...
    @property
    def data_wrapper(self) -> str | None: ...


def read_records(answer: object, source: RecordSource, *, rows_member: str = "data") -> list[Record]:
    """The records of a read. Observed: ``{data: {array: []}}`` and ``{array: []}``; lists also ``{data: []}``.
    An absent array inside a present wrapper means none (observed for records not found). Raises ``WrongPath``."""
    if not isinstance(answer, dict):
        raise WrongPath(f"{source.path}: the answer is not a JSON object")
    inner: object = answer
    if source.data_wrapper and source.data_wrapper in answer:
        inner = answer[source.data_wrapper]
    elif rows_member in answer:
        inner = answer[rows_member]
    if isinstance(inner, dict):
        if source.array in inner:
            inner = inner[source.array]
        elif any(isinstance(value, list) for value in inner.values()):
            named = ", ".join(str(name) for name, value in inner.items() if isinstance(value, list))
            raise WrongPath(f"{source.path}: no array {source.array!r} in the answer, it has {named}; correct `array`")
        elif inner is answer:
            raise WrongPath(f"{source.path}: the answer holds neither {source.array!r} nor {rows_member!r}")
        else:
            inner = []
    if inner is None:
        return []
    if not isinstance(inner, list) or not all(isinstance(item, dict) for item in inner):
        raise WrongPath(f"{source.path}: {source.array!r} is not a list of records")
    return inner


def flag(value: object, name: str) -> bool:
    """A boolean, or QAD's boolean as text. Anything else raises: a guess here would open a closed account."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "yes", "false", "no"):
        return value.strip().lower() in ("true", "yes")
    raise UntrustedAnswer(f"{name}: neither true nor false: {str(value)[:40]!r}")


def member(answer: object, dotted: str) -> object:
    """``auxillaryData.HasMoreParams`` in an answer; None where absent."""
    for part in dotted.split("."):
        if not isinstance(answer, Mapping):
            return None
        answer = answer.get(part)
    return answer


def is_duplicate(problem: Problem, errors: Errors) -> bool:
    return _says(problem, errors.duplicate_text)


def is_stale(problem: Problem, errors: Errors) -> bool:
    return problem.code in errors.stale_codes or _says(problem, errors.stale_text)


def is_locked(problem: Problem, errors: Errors) -> bool:
    return _says(problem, errors.retry_text)


def _says(problem: Problem, texts: tuple[str, ...]) -> bool:
    message = problem.message.casefold()
    return any(text.casefold() in message for text in texts)


def _problems(errors: object) -> tuple[Problem, ...]:
    if not isinstance(errors, list):
        return ()
    return tuple(
        Problem(
            message=_text(item.get("message")) or "no message",
            code=_text(item.get("code")),
            field=wire_field(_text(item.get("fieldName"))),
            value=_text(item.get("fieldValue")),
        )
        for item in errors if isinstance(item, dict)
    )  # fmt: skip


def _text(value: object) -> str:
    return "" if value is None else str(value)[:500]


def _echo(answer: Mapping[str, Any], entity: Entity) -> Record | None:
    inner = answer.get(entity.data_wrapper) if entity.data_wrapper else None
    for holder in (inner, answer):
        if isinstance(holder, dict):
            records = holder.get(entity.array)
            if isinstance(records, list) and len(records) == 1 and isinstance(records[0], dict):
                return records[0]
    return None


def _messages(answer: Mapping[str, Any]) -> tuple[str, ...]:
    messages = answer.get("supplementaryMessages")
    if not isinstance(messages, list):
        return ()
    return tuple(str(problem) for problem in _problems(messages)) or tuple(
        str(item)[:500] for item in messages if isinstance(item, str))  # fmt: skip
