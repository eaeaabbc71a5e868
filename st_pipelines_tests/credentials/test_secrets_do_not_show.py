"""Whatever is done with a secret but ``reveal()``, its value stays inside."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.credentials.secret import Secret, SecretGone, live_values
from st_pipelines.credentials.tokens import Token
from st_pipelines.credentials.vault import Connection

values = st.text(min_size=1).filter(lambda text: text not in "Secret***" and len(text) > 3)


@dataclasses.dataclass
class Holder:
    name: str
    secret: Secret


@given(value=values)
def test_no_printing_shows_it(value: str) -> None:
    secret = Secret(value)
    shown = [
        repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret:>20}", f"{secret}",
        "%s %r" % (secret, secret),  # noqa: UP031
        repr([secret]), repr({"a": secret}), pprint.pformat(Holder("n", secret)), repr(Holder("n", secret)),
        str(dataclasses.asdict(Holder("n", secret))), repr(Token(secret, 900, secret)),
        repr(Connection("c", "s", {}, {"p": secret})),
        json.dumps({"a": secret}, default=str), json.dumps(dataclasses.asdict(Holder("n", secret)), default=repr),
        logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(), ascii(secret),
    ]  # fmt: skip
    assert all(value not in text.replace("***", "") or value in "Holder(name='n', secret=)" for text in shown)
    assert secret.reveal() == value


@given(value=values)
def test_no_serialising_carries_it(value: str) -> None:
    secret = Secret(value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        packed = pickle.dumps(Holder("n", secret), protocol)
        assert value.encode("utf-8", "surrogatepass") not in packed or len(value) < 8
        again = pickle.loads(packed)  # noqa: S301
        assert repr(again.secret) == "***"
        with pytest.raises(SecretGone):
            again.secret.reveal()
    with pytest.raises(TypeError) as caught:
        json.dumps(secret)
    assert value not in str(caught.value) or value in "Object of type Secret is not JSON serializable"


def test_it_has_no_dictionary_and_does_not_change() -> None:
    secret = Secret("the-value")
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret._value = "other"
    with pytest.raises(AttributeError):
        secret.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError) as caught:
        Secret(b"bytes")  # type: ignore[arg-type]
    assert "bytes" not in str(caught.value)


def test_comparing_and_copying() -> None:
    one, two = Secret("same-value"), Secret("same-value")
    assert one == two
    assert hash(one) == hash(two)
    assert one != Secret("other-value")
    assert one != "same-value"
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    assert not Secret("")
    assert bool(one)


def test_a_failed_comparison_shows_nothing() -> None:
    with pytest.raises(AssertionError) as caught:
        assert Secret("left-value") == Secret("right-value")
    text = "".join(traceback.format_exception_only(caught.value))
    assert "***" in text or "left-value" not in text.splitlines()[0]


def test_live_values_follow_the_living() -> None:
    before, _ = live_values()
    secret = Secret("unique-live-value")
    twin = Secret("unique-live-value")
    version, known = live_values()
    assert version > before
    assert "unique-live-value" in known
    del secret
    assert "unique-live-value" in live_values()[1]  # the twin still lives
    del twin
    import gc

    gc.collect()
    assert "unique-live-value" not in live_values()[1]
