"""Keeps secrets out of texts. Invariant: no text that passed ``redact`` holds a live secret, plain or encoded (K6).

The second line of defence: the first is that secrets are ``Secret`` and bodies are never logged. Knows every live
secret of the process in its plain, JSON, URL, HTML and base64 forms, and by name the places where credentials stand.
"""

import base64
import hashlib
import html
import json
import logging
import re
import threading
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

from st_pipelines.credentials.secret import MASK, live_values, live_version

SHORTEST = 4  # shorter secrets are no secrets, and masking every "12" would leave no log
LONGEST_SUMMARY = 200
_WINDOW = 64 * 1024

_NAMES = (
    r"(?:proxy-)?authorization|st-app-key|x-api-key|(?:set-)?cookie|intuit-signature|x-servicetitan-signature"
    r"|access_token|refresh_token|id_token|client_secret|clientsecret|app_?key|api_?key|password|passwd|pwd|secret"
    r"|strpassword|ticket|token"
)
_PAIR = re.compile(
    rf"(?i)(?<![a-z0-9_-])((?:{_NAMES})(?:[\"']?\s*(?:=>|[:=>])|[\"']\s*,)\s*)"
    r"(b?[\"'](?:[^\"'\\]|\\.)*[\"']|(?:bearer|basic)\s+[^\s,;&\"'<>]+|[^\s,;&\"'<>]+)"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_lock = threading.Lock()
_known: tuple[int, tuple[str, ...]] = (-1, ())


def redact(text: str) -> str:
    """The text with every known secret, and whatever stands where credentials stand, as ``***``."""
    for form in _forms():
        if form in text:
            text = text.replace(form, MASK)
    text = _PAIR.sub(rf"\1{MASK}", text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _JWT.sub(MASK, text)
    return _USERINFO.sub(rf"\1{MASK}@", text)


def one_line(text: str, longest: int = LONGEST_SUMMARY) -> str:
    """Redacted, control characters escaped (no forged log lines, H9), cut."""
    clean = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", redact(text[:_WINDOW]))
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def summary(content: bytes) -> str:
    """What an error may say about a body: a digest and the first 200 redacted characters, on one line."""
    if not content:
        return "empty body"
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{len(content)} bytes sha256:{digest} {one_line(content[:_WINDOW].decode('utf-8', 'replace'))}"


def exception_text(error: BaseException) -> str:
    """The whole chain as a traceback, redacted. For the places that store exceptions."""
    return redact("".join(traceback.format_exception(error)))


class RedactingFilter(logging.Filter):
    """For a handler: redacts message, arguments and exception of each record. Never drops one."""

    def filter(self, record: logging.LogRecord) -> bool:
        redact_record(record)
        return True


def redact_record(record: logging.LogRecord) -> None:
    """Redacts one record in place. Leaves it as it was where there is nothing to hide."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        message = f"{record.msg} {record.args}"
    clean = redact(message)
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        formatted = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        shown = redact(formatted)
        if shown != formatted:
            record.exc_text, record.exc_info = shown, None
    elif record.exc_text:
        record.exc_text = redact(record.exc_text)


def install() -> None:
    """Redacts every record of this process at its birth. A filter on the root logger would not see the records of child
    loggers; the record factory sees all. Safe to call twice."""
    born = logging.getLogRecordFactory()
    if getattr(born, "redacts", False):
        return

    def redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = born(*args, **kwargs)
        redact_record(record)
        return record

    redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(redacted)


def _forms() -> tuple[str, ...]:
    """All spellings of all live secrets, the longest first."""
    global _known
    if _known[0] == live_version():
        return _known[1]
    with _lock:
        version, values = live_values()
        forms = {form for value in values if len(value) >= SHORTEST for form in _spellings(value)}
        _known = (version, tuple(sorted(forms, key=len, reverse=True)))
        return _known[1]


def _spellings(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    spelled = {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        raw.hex(),
        raw.hex().upper(),
        repr(raw)[2:-1],
    }
    spelled |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in spelled}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):  # inside "user:password" the value may begin at any of three places of a group
            text = encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
            start = (0, 2, 3)[shift]
            end = len(text) - (1 if (len(raw) + shift) % 3 else 0)
            if end - start >= 6:
                spelled.add(text[start:end])
            if shift == 0:
                spelled.add(text)
    return {form for form in spelled if len(form) >= SHORTEST}
