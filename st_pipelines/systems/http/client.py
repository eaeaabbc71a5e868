"""The one HTTP client of a connection. Invariant: a write whose outcome is unknown is never repeated here; a read is
tried at most three quick times, within its deadline and budget (reliability §2, R1-R6).
"""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from st_pipelines.credentials.secret import Secret
from st_pipelines.systems.http import retries
from st_pipelines.systems.http.auth import Auth
from st_pipelines.systems.http.breaker import Breaker
from st_pipelines.systems.http.calls import WRITES, Call, Happened
from st_pipelines.systems.http.deadline import Deadline, Timeouts
from st_pipelines.systems.http.errors import BadAnswer, BreakerOpen, Misconfigured, NotExecuted, SignInRefused
from st_pipelines.systems.http.faults import fault_of
from st_pipelines.systems.http.origin import parse_base_url
from st_pipelines.systems.http.rate import Gate
from st_pipelines.systems.http.redact import one_line
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.http.retries import Then, decide, pause_s
from st_pipelines.systems.http.throttle import wait_s
from st_pipelines.systems.http.wire import LARGEST_BODY, Answer, AnswerLost, NotConnected, Wire

log = logging.getLogger("st_pipelines.http")

Params = Sequence[tuple[str, str]]
WAIT_UNTOLD_S = 2.0  # after a throttle that names no time
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa1-\xff]{0,16382}[\x21-\x7e\xa1-\xff])?|")


class HttpClient:
    """One connection. Thread-safe: share it between threads, make one a process.

    ``base_url`` with the context root; credentials go to its origin only. ``private_network`` allows hosts in private
    address ranges (an ERP on the company's own network).
    """

    def __init__(
        self,
        connection: str,
        base_url: str,
        auth: Auth,
        *,
        gate: Gate | None = None,
        timeouts: Timeouts | None = None,
        ca_file: str | None = None,
        max_connections: int = 10,
        private_network: bool = False,
        largest_body: int = LARGEST_BODY,
        breaker: Breaker | None = None,
    ) -> None:
        self.connection = connection
        self.timeouts = timeouts or Timeouts()
        self._where = parse_base_url(base_url, connection)
        self._auth = auth
        self._gate = gate
        self._breaker = breaker or Breaker()
        self._budget = retries.Budget()
        self._wire = Wire(
            self._where.origin,
            connection,
            timeouts=self.timeouts,
            ca_file=ca_file,
            max_connections=max_connections,
            private_network=private_network,
            largest_body=largest_body,
        )

    @property
    def host(self) -> str:
        """The host of the base URL, in small letters."""
        return self._where.origin.host

    def read(
        self,
        path: str,
        params: Params = (),
        *,
        entity: str,
        reference: str = "",
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:
        """GET. ``path`` is percent-encoded already, ``params`` are encoded here; ``deadline_s`` bounds everything.

        ``check`` may raise ``ValueError`` or ``BadAnswer`` on a body that cannot be used (``Reply.json``, or your own
        decoder): such an answer is garbled and retried like a reset. Raises as drawn in ``errors``: ``Unreachable``,
        ``BadAnswer``, ``Refused`` or ``NotExecuted``.
        """
        call = self._call("GET", path, params, entity, reference, headers, None)
        deadline = Deadline(self.timeouts.total_s if deadline_s is None else deadline_s)
        quick, waits, renewed = 1, 0, False
        self._budget.request()
        while True:
            happened, sent = self._send(call, deadline, check)
            then = decide(happened.what, written=False, asked_to_wait=happened.wait is not None)
            if then is Then.RENEW and not renewed:
                self._renew(call, sent)
                renewed = True
                continue
            self._tell_breaker(happened, then, written=False)
            if then is Then.DONE and happened.answer is not None:
                return self._reply(call, happened.answer)
            if then is Then.WAIT:
                waits += 1
                pause = max(self._slow_down(happened.wait), pause_s(waits))
                again = waits < retries.THROTTLED_ATTEMPTS
            else:
                pause = pause_s(quick)
                again = then is Then.RETRY and quick < retries.QUICK_ATTEMPTS and self._budget.retry()
                quick += 1
            if not again or pause >= deadline.left():
                raise fault_of(then, call, happened, self.connection, attempts=quick + waits - 1, retry_after_s=pause)
            log.info("%s %s: %s; again in %.1f s", self.connection, call.entity, happened.why, pause)
            time.sleep(pause)

    def write(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        content: bytes,
        content_type: str = "application/json",
        entity: str,
        reference: str,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        asking: bool = False,
        of_the_record: bool = False,
    ) -> Reply:
        """Sends exactly these bytes once; once more only after a 401 that could be renewed, which was not executed.
        ``asking``: it changes nothing and only asks whether it may; a refusal is the answer and no reason to rest.
        ``of_the_record``: a system whose 403 and 404 speak of one record (its rules, its rights), not of who we are.

        Raises ``NotExecuted``, ``OutcomeUnknown`` or ``Refused``; a returned ``Reply`` is 2xx and complete, its meaning
        is for the caller to judge.
        """
        if method not in WRITES:
            raise Misconfigured(f"{one_line(method, 20)} is not a write", connection=self.connection, entity=entity)
        call = self._call(
            method, path, params, entity, reference, {"Content-Type": content_type, **(headers or {})}, content
        )
        deadline = Deadline(self.timeouts.total_s if deadline_s is None else deadline_s)
        happened, sent = self._send(call, deadline, None)
        if decide(happened.what, written=True) is Then.RENEW:
            self._renew(call, sent)
            happened, sent = self._send(call, deadline, None)
        then = decide(happened.what, written=True)
        self._tell_breaker(happened, then, written=not (asking or of_the_record))
        if then is Then.DONE and happened.answer is not None:
            return self._reply(call, happened.answer)
        pause = self._slow_down(happened.wait) if happened.what in (425, 429) or happened.wait is not None else 0.0
        raise fault_of(then, call, happened, self.connection, attempts=1, retry_after_s=pause)

    def close(self) -> None:
        """Closes idle connections."""
        self._wire.close()

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        params: Params,
        entity: str,
        reference: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> Call:
        target = self._where.target(path, tuple(params), self.connection)
        plain = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "st-pipelines",
            **(headers or {}),
        }
        return Call(method, target, one_line(entity, 80), one_line(reference, 200), plain, content)

    def _send(
        self, call: Call, deadline: Deadline, check: Callable[[Reply], object] | None
    ) -> tuple[Happened, Mapping[str, str]]:
        """One sending, after breaker, sign-in and gate. Gives what happened and the headers that were sent."""
        rest = self._breaker.admit(call.written)
        if rest > 0:
            raise BreakerOpen(
                f"nothing is sent for {rest:.0f} s after failures ({self._breaker.reason})",
                connection=self.connection,
                entity=call.entity,
                reference=call.reference,
                retry_after_s=rest,
                cure="see the first failure in the log",
            )
        try:
            headers = self._sendable({**call.headers, **self._auth.headers()})
            if self._gate is not None:
                self._gate.acquire(deadline.left())
        except NotExecuted as fault:
            self._trip_on_refusal(fault)
            fault.entity, fault.reference = call.entity, call.reference
            raise
        started = time.monotonic()
        try:
            answer = self._wire.send(call.method, call.target, headers, call.content, deadline)
        except NotConnected as fault:
            return self._log(call, Happened(retries.NOT_CONNECTED, str(fault), cure=fault.cure), started), headers
        except AnswerLost as fault:
            what = retries.USELESS if fault.final else retries.LOST
            return self._log(call, Happened(what, str(fault)), started), headers
        return self._log(call, self._judge(call, answer, check), started), headers

    def _judge(self, call: Call, answer: Answer, check: Callable[[Reply], object] | None) -> Happened:
        status = answer.status
        why = f"answered {status}"
        if 200 <= status < 300 and check is not None:
            try:
                check(self._reply(call, answer))
            except (ValueError, msgspec.MsgspecError, BadAnswer) as error:
                reason = error.what if isinstance(error, BadAnswer) else f"{why} with an unusable body ({error})"
                return Happened(retries.GARBLED, one_line(reason), answer)
            return Happened(status, why, answer)
        if 400 <= status < 500 and status not in retries.TABLE and not _is_of_the_system(answer):
            return Happened(retries.NO_DEFINITE_REFUSAL, f"{why}, perhaps by a gateway on the way", answer)
        wait = wait_s(answer.headers, answer.content) if status in (408, 425, 429, 503) else None
        return Happened(status, why, answer, wait)

    def _reply(self, call: Call, answer: Answer) -> Reply:
        return Reply(
            answer.status, answer.headers, answer.content, self.connection, call.entity, call.reference, call.written
        )

    def _renew(self, call: Call, sent: Mapping[str, str]) -> None:
        """After a 401, which was not executed: other credentials, or ``SignInRefused``."""
        try:
            renewed = self._auth.renew(sent)
        except NotExecuted as fault:
            self._trip_on_refusal(fault)
            fault.entity, fault.reference = call.entity, call.reference
            raise
        if not renewed:
            self._breaker.trip("sign-in refused")
            raise SignInRefused(
                "answered 401, and there are no other credentials to try",
                connection=self.connection,
                entity=call.entity,
                reference=call.reference,
                cure="check the credentials of the connection and its environment",
            )

    def _slow_down(self, wait: float | None) -> float:
        """Holds everybody back, in all processes, and gives the seconds."""
        pause = WAIT_UNTOLD_S if wait is None else wait
        if self._gate is not None and pause > 0:
            self._gate.block(pause)
        return pause

    def _tell_breaker(self, happened: Happened, then: Then, written: bool) -> None:
        status = happened.answer.status if happened.answer is not None else 0
        if status == 401 or (written and status in (403, 404)):
            self._breaker.trip(happened.why)
        elif then in (Then.RETRY, Then.UNKNOWN, Then.GIVE_BACK) and status not in (425, 429):
            self._breaker.failed(happened.why)
        else:
            self._breaker.worked(written)

    def _trip_on_refusal(self, fault: NotExecuted) -> None:
        if isinstance(fault, SignInRefused):
            self._breaker.trip("sign-in refused")

    def _sendable(self, headers: Mapping[str, Secret | str]) -> dict[str, str]:
        """Plain headers, checked here: the library's own complaint would show the value."""
        plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()}
        for name, value in plain.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise Misconfigured(
                    f"header {one_line(name, 64)} holds characters that cannot be sent",
                    connection=self.connection,
                    cure="correct the connection's secrets",
                )
        return plain

    def _log(self, call: Call, happened: Happened, started: float) -> Happened:
        if log.isEnabledFor(logging.DEBUG):
            size = len(happened.answer.content) if happened.answer is not None else 0
            log.debug(
                "%s %s %s %s: %s, %d bytes, %.0f ms",
                self.connection,
                call.method,
                one_line(call.target, 500),
                one_line(f"{call.entity} {call.reference}"),
                happened.why,
                size,
                (time.monotonic() - started) * 1000,
            )
        return happened


def _is_of_the_system(answer: Answer) -> bool:
    """A refusal counts as the system's own only with a body in a machine's format (L9b)."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return bool(answer.content.strip()) and (kind.endswith(("json", "xml")))
