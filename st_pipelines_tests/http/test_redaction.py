"""No secret comes out in a log line, an error, a repr or a traceback, in any spelling."""

import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.credentials.secret import Secret
from st_pipelines.systems.http import redact as redaction
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.errors import SystemFault
from st_pipelines.systems.http.redact import RedactingFilter, exception_text, install, one_line, redact, summary
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import APP_KEY, client_for
from st_pipelines_tests.http.hostile import Hostile

secrets = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
    lambda s: len(s.strip("*x ")) >= 6
)
passwords = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=30).filter(
    lambda s: len(s.strip("*x")) >= 6
)


def shows(text: str, value: str) -> bool:
    return value in text


@given(value=secrets, before=st.sampled_from(["", "x", "xx ", "user:"]), after=st.sampled_from(["", " y", "\n"]))
def test_no_spelling_of_a_live_secret_passes(value: str, before: str, after: str) -> None:
    secret = Secret(value)
    raw = value.encode()
    for spelled in (
        value, repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value),
        quote(value, safe=""),
        quote_plus(value), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
    ):  # fmt: skip
        assert not shows(redact(f"{before}{spelled}{after}"), spelled)
        assert not shows(one_line(f"{before}{spelled}{after}", 10_000), spelled)
    del secret


@given(user=st.text("abcdefgh.", min_size=0, max_size=9), value=passwords)
def test_a_password_inside_basic_credentials_does_not_pass(user: str, value: str) -> None:
    secret = Secret(value)
    packed = base64.b64encode(f"{user}:{value}".encode()).decode()
    kept = redact(f"sent {packed} there")
    shift = (len(user) + 1) % 3
    inner = base64.b64encode(bytes(shift) + value.encode()).decode().rstrip("=")[4:-1]
    assert len(inner) < 4 or inner not in kept
    del secret


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}", "authorization=Bearer {}", "{{'Authorization': 'Bearer {}'}}",
        '"ST-App-Key": "{}"', "st-app-key={}",
        "Cookie: {}", "https://host/x?access_token={}&page=1", '{{"access_token":"{}"}}',
        '{{"refresh_token" : "{}"}}', "client_secret={}",
        "password={}", "<strPassword>{}</strPassword>", "<ticket>{}</ticket>", "https://user:{}@host/", "Basic {}",
        "bearer {}",
        "intuit-signature: {}", "b'authorization', b'{}'", "[(b'authorization', b'{}')]", "eyJhbGciOi.{}.sig_nature",
    ],
)  # fmt: skip
def test_credentials_are_hidden_by_their_place_even_if_unknown(text: str) -> None:
    assert "dW5rbm93bi1zZWNyZXQ" not in redact(text.format("dW5rbm93bi1zZWNyZXQ"))


def test_ordinary_texts_stay() -> None:
    text = 'acme invoices 77: GET answered 404: 52 bytes sha256:1234 {"title": "no such invoice", "total": "108.52"}'
    assert redact(text) == text


def test_a_body_in_an_error_is_short_on_one_line_and_has_a_digest() -> None:
    said = summary(b'{"title": "bad\nline\x1b[31m \xe2\x80\xae", "access_token": "abc.def.ghi"}' + b"x" * 5000)
    assert len(said) < 260
    assert "\n" not in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "abc.def.ghi" not in said
    assert "sha256:" in said
    assert summary(b"") == "empty body"


@pytest.fixture
def all_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that any library logs at the lowest level, as a careless handler would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root, level, factory = logging.getLogger(), logging.getLogger().level, logging.getLogRecordFactory()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    install()
    install()
    yield stream
    logging.setLogRecordFactory(factory)
    root.removeHandler(handler)
    root.setLevel(level)


TROUBLES = [
    hostile.ok(), hostile.drop, hostile.status(400, f'{{"you sent": "{APP_KEY} Bearer t0ken-abcdef"}}'.encode()),
    hostile.status(401),
    hostile.status(500, f"<html>{APP_KEY}".encode(), kind="text/html"),
    hostile.raw(f"HTTP/1.1 {APP_KEY}\r\n\r\n".encode()),
    hostile.status(302, headers={"Location": f"https://evil/?k={APP_KEY}"}), hostile.truncated,
]  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_shows_when_the_other_side_echoes_our_credentials(
    trouble: hostile.Answer, all_logs: io.StringIO
) -> None:
    shown = []
    with Hostile(trouble) as server:
        client = client_for(server)
        for call in (
            lambda: client.read("/x", [("key", APP_KEY)], entity="invoices", check=lambda reply: reply.json()),
            lambda: client.write("POST", "/x", content=APP_KEY.encode(), entity="bill", reference="1").json(),
        ):
            try:
                shown.append(repr(call()))
            except SystemFault as fault:
                shown += [str(fault), repr(fault), repr(fault.__dict__), "".join(traceback.format_exception(fault))]
        shown += [repr(client), repr(vars(client))]
    everything = all_logs.getvalue() + "".join(shown).replace('"ok": true', "")
    assert "acme" in everything
    for value in (APP_KEY, "t0ken-abcdef", quote(APP_KEY, safe="")):
        assert value not in everything


@given(value=passwords)
def test_no_header_value_shows_in_any_error(value: str) -> None:
    for text in (value, value + "\n", "\u2603" + value):
        client = HttpClient("acme", "http://127.0.0.1:9", StaticHeaders({"ST-App-Key": Secret(text)}))
        with pytest.raises(SystemFault) as caught:
            client.read("/", entity="invoices", deadline_s=0.001)
        assert value not in "".join(traceback.format_exception(caught.value))


def test_a_filter_on_a_handler_hides_exceptions_too() -> None:
    secret = Secret("hunter2-hunter2")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("st_pipelines_tests.redaction")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            raise ValueError(f"cannot use {secret.reveal()}")
        except ValueError as error:
            logger.exception("failed with %s", secret.reveal())
            assert "hunter2" not in exception_text(error)
        logger.warning("%s and %d", "hunter2-hunter2")  # wrong arguments must not break the redaction
    finally:
        logger.removeHandler(handler)
    assert "hunter2" not in stream.getvalue()
    assert "ValueError: cannot use ***" in stream.getvalue()


def test_dead_secrets_are_forgotten_when_new_ones_come() -> None:
    Secret("short-lived-secret")
    import gc

    gc.collect()
    keeper = Secret("long-lived-secret")
    assert redact("long-lived-secret") == "***"
    assert "short-lived-secret" not in redaction._known[1]
    del keeper
