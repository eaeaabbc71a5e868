"""What decodes is what was written; what is doubtful does not decode."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from st_pipelines.systems.http.exact_json import MalformedJson, decode


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")), ("1.10", Decimal("1.10")), ("-0.00", Decimal("-0.00")), ("1E+2", Decimal("1E+2")),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        ("79228162514264337593543950335.01", Decimal("79228162514264337593543950335.01")), ("true", True),
        ("null", None),
        ('"\\ud83d\\ude00"', "😀"), ('{"a" : 1}', {"a": 1}), ('{"a\\"":1}', {'a"': 1}),
        ('{"a":":b","c":"\\":"}', {"a": ":b", "c": '":'}),
        ('{"\\u0061":1,"b":2}', {"a": 1, "b": 2}), ("  [1,\n2]\r\n", [1, 2]),
        ('{"a":{"a":1},"b":[{"a":1}]}', {"a": {"a": 1}, "b": [{"a": 1}]}),
    ],
)  # fmt: skip
def test_values_are_exact(text: str, value: Any) -> None:
    decoded = decode(text.encode())
    assert decoded == value
    assert str(decoded) == str(value)
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b" ", b"NaN", b"[NaN]", b"Infinity", b"-Infinity", b"1e99999", b"1e-99999", b"0." + b"1" * 100,
        b"1" * 5000, b"01", b"1.", b"+1",
        b"'a'", b"{a:1}", b"[1,]", b'{"a":1,}', b"[1] [2]", b"[1]x", b"\xef\xbb\xbf[]", b'"\\ud800"', b'"\\udc00"',
        b'"\\ud800x"', b'"\xff"',
        b'"\xed\xa0\x80"', b'"a\nb"', b'"\\x41"', b"[" * 100_000, b'{"a":' * 50_000, b"[1", b'{"a"', b'"a', b"\x00",
        "ï»¿[]".encode(), b"<html>",
        b'{"a":1,"a":2}', b'{"a":1,"b":{"c":1,"c":1}}', b'[{"x":1},{"y":1,"y":1}]', b'{"a" :1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a" :":x","a":1}', b'{"a":"\\u0022:","a":""}', b'{"a":1,"a":"\\u0022:"}', b'{"a":1,"a":"x\\u0022\\u003a"}',
        b'{"":1,"":2}',
        b'{"a":[{"b":1,"b":2}]}', b'{"a"\n:1,"a":2}', b'{"a"\t:1,"a":2}', b'{"a"\r:1,"a":2}', b'{"a"  :1,"a"  :2}',
    ],
)  # fmt: skip
def test_what_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedJson):
        decode(content)


def test_the_reason_never_holds_content() -> None:
    with pytest.raises(MalformedJson) as caught:
        decode(b'{"secret-value": secret-value}')
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['":', ':"', '\\":', '":"', "\\", '"', " :", "\u00e9"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(
    value=values, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), colon=st.sampled_from([":", ": ", " : "])
)
@example(value={'a":': ['":', {":": ":"}]}, ascii_only=True, indent=None, colon=":")
def test_every_sound_document_decodes(value: Any, ascii_only: bool, indent: int | None, colon: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=(",", colon))
    assert decode(text.encode()) == value


def with_a_double(draw: st.DrawFn) -> str:
    def spell(value: Any, colon: str) -> str:
        return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=(",", colon))

    key, colon = draw(texts), draw(st.sampled_from([":", " :", ": "]))
    pairs = [(key, draw(values)), (key, draw(values)), *draw(st.lists(st.tuples(texts, values), max_size=3))]
    members = [f"{spell(name, colon)}{colon}{spell(value, colon)}" for name, value in draw(st.permutations(pairs))]
    inner = "{" + ",".join(members) + "}"
    return draw(st.sampled_from([inner, f"[{inner}]", f'{{"x":[0,{inner}]}}']))


@given(text=st.composite(with_a_double)())
def test_no_double_key_is_missed(text: str) -> None:
    with pytest.raises(MalformedJson):
        decode(text.encode())


@given(whole=st.integers(-(10**20), 10**20), fraction=st.text("0123456789", min_size=1, max_size=12))
def test_no_amount_loses_a_digit(whole: int, fraction: str) -> None:
    text = f"{whole}.{fraction}"
    assert str(decode(f'{{"total":{text}}}'.encode())["total"]) == text


@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_decode_or_are_refused(content: bytes) -> None:
    with contextlib.suppress(MalformedJson):
        decode(content)
