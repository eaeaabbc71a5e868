"""What can go wrong with a request. Invariant: each class says what is *known* about the effect on the other side (L9).

::

    SystemFault                      names connection, entity, record; says what to do
    ├── NotExecuted                  proven: nothing was changed there; may be sent again after ``retry_after_s``
    │   ├── SignInRefused            the credentials are refused, or 401 twice: a person must act
    │   ├── SignInUnavailable        the token endpoint does not answer; try later
    │   ├── LimitReached             the shared rate gate gave no permit in time, or could not be asked (G3)
    │   ├── BreakerOpen              too many failures, or a refusal of who we are; nothing is sent for a while
    │   └── Misconfigured            an address, path or header that is never sent
    ├── OutcomeUnknown               a write that may or may not have happened: only a read-back can tell
    ├── Refused                      a definite answer of the other side: ``status``, ``summary``, ``reply``
    │   ├── Forbidden                403: a missing scope or role
    │   ├── NotFound                 404: the path, or the record
    │   └── Conflict                 409, 412: read back first
    ├── BadAnswer                    a read whose answer cannot be used: not JSON, truncated, too large, a redirect
    └── Unreachable                  a read that failed for good: no connection, time-outs, 5xx, throttled too long

A write raises ``NotExecuted``, ``OutcomeUnknown`` or ``Refused``. A read raises anything but ``OutcomeUnknown``.
"""

from typing import Any

from st_pipelines.credentials.tokens import CannotRenew


class SystemFault(Exception):
    """Anything that went wrong with one request. The text is redacted and fit for a log and an accountant."""

    def __init__(
        self,
        what: str,
        *,
        connection: str,
        entity: str = "",
        reference: str = "",
        cure: str = "",
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.connection = connection
        self.entity = entity
        self.reference = reference
        self.cure = cure
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        about = " ".join(part for part in (self.connection, self.entity, self.reference) if part)
        return f"{about}: {self.what}" + (f". To do: {self.cure}" if self.cure else "")

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name != "reply"}
        return (_rebuild, (type(self), self.args, state))


def _rebuild(kind: type[SystemFault], args: tuple[Any, ...], state: dict[str, Any]) -> SystemFault:
    fault = kind.__new__(kind, *args)
    fault.__dict__.update(state)
    return fault


class NotExecuted(SystemFault):
    """Proven not executed. The ledger may plan it again, not before ``retry_after_s`` seconds from now."""


class SignInRefused(NotExecuted):
    """The other side does not accept who we say we are."""


class SignInUnavailable(NotExecuted, CannotRenew):
    """No token could be had for now; a token that is still valid goes on being used."""


class LimitReached(NotExecuted):
    """No permit of the shared rate limit within the deadline, or the gate itself failed: it fails closed."""


class BreakerOpen(NotExecuted):
    """The connection is resting after failures. A read tries it again after ``retry_after_s``."""


class Misconfigured(NotExecuted):
    """Never sent: the address, path, parameter or header is not acceptable."""


class OutcomeUnknown(SystemFault):
    """A write that left, or may have left, without a definite answer. Never repeat it: read back (reliability 1.4)."""


class Refused(SystemFault):
    """A definite refusal from a complete answer. ``summary`` is at most 200 redacted characters; the whole answer is
    ``reply`` (``systems.http.reply.Reply``; lost when pickled), for the system's own error parser."""

    def __init__(
        self,
        what: str,
        *,
        status: int,
        summary: str = "",
        reply: Any = None,
        connection: str,
        entity: str = "",
        reference: str = "",
        cure: str = "",
    ) -> None:
        super().__init__(what, connection=connection, entity=entity, reference=reference, cure=cure)
        self.status = status
        self.summary = summary
        self.reply = reply


class Forbidden(Refused):
    """403."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409 or 412: somebody was there before us. Read back before deciding anything."""


class BadAnswer(SystemFault):
    """The answer of a read that cannot be used."""


class Unreachable(SystemFault):
    """A read that got no usable answer within its attempts, budget and deadline."""
