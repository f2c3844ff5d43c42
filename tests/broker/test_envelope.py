"""Sealing and opening, with friends and with strangers."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import uuid
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils import json as kombu_json

from pyramid_scheduler.broker import payload
from pyramid_scheduler.broker.envelope import EnvelopeSealer, make_sealer
from pyramid_scheduler.broker.url import is_local, normalize
from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import InvalidMessage, UnreadableMessage, UntrustedMessage
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.core.settings import Settings

Delivered = Callable[[Message], Delivery]


def sealer(*, local: bool = False, **settings: Any) -> EnvelopeSealer:
    return make_sealer(Settings(**settings), SystemClock(), local=local)


def deliver(message: Message) -> Delivery:
    """Through Kombu's envelope, as over any virtual transport."""
    return payload.load(payload.dump(message), message.queue, "tag", False)


def seal(one: EnvelopeSealer, *args: Any, **kwargs: Any) -> Message:
    return one.seal("pkg.mod.func", args, kwargs, queue="q", headers={})


EXACT = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.binary() | st.uuids() | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(EXACT)
def test_what_json_carries_comes_back_as_it_was(value: Any) -> None:
    one = sealer()
    try:
        message = seal(one, value, key=value)
    except InvalidMessage:  # a lone surrogate, say: said at the call
        return
    run = one.open(deliver(message))
    assert list(run.args) == [value]
    assert run.kwargs == {"key": value}


@pytest.mark.parametrize(
    "settings", [{}, {"secrets": ("key",)}, {"compressor": "zlib"}, {"serializer": "yaml"}], ids=str
)
def test_another_call_is_sealed_as_its_own_first_would_be(settings: dict[str, Any]) -> None:
    one = sealer(**settings)

    def parts(message: Message) -> Message:
        run = one.open(deliver(message))
        assert (run.id, run.args, run.kwargs) == (message.id, [2], {"b": [None]})
        own = {"id": "", "root_id": "", "ps-created": 0.0, "ps-signature": ""}
        return replace(message, headers={**message.headers, **own})

    first = one.seal(
        "pkg.mod.func", ("a",), {}, queue="q", headers={"ps-name": "n", "timelimit": [9, None]}, priority=3
    )
    direct = one.seal("pkg.mod.func", (2,), {"b": [None]}, queue="q", headers=first.headers | {"id": "x"}, priority=3)
    another = one.seal_another(replace(first, body=b""), (2,), {"b": [None]})
    assert parts(another) == parts(direct)
    assert another.id != first.id


def test_another_call_is_refused_for_what_a_first_is_refused_for() -> None:
    one = sealer(max_body_bytes=200)
    first = seal(one, 1)
    for bad in (ValueError("x"), "x" * 300):
        with pytest.raises(InvalidMessage):
            one.seal_another(first, (bad,), {})


@pytest.mark.parametrize(
    "value", [(1, 2), {1, 2}, {1: 2}, math.inf, ValueError("x"), {"__type__": "x"}, complex(1, 2)], ids=repr
)
def test_what_json_would_change_goes_by_pickle_where_that_is_safe_and_is_refused_where_it_is_not(value: Any) -> None:
    for safe in (sealer(local=True), sealer(secrets=("key",))):
        [back] = safe.open(deliver(seal(safe, value))).args
        assert type(back) is type(value)
        assert repr(back) == repr(value)
    with pytest.raises(InvalidMessage, match=r"scheduler\.secret"):
        seal(sealer(), value)


def test_exact_values_go_by_json_even_where_pickle_would_be_safe() -> None:
    message = seal(
        sealer(secrets=("key",)), [1, Decimal("1.10"), uuid.uuid4(), datetime.now(UTC), date.today(), b"\xff"]
    )
    assert message.content_type == "application/json"


def test_an_argument_that_cannot_be_pickled_is_refused_at_the_call() -> None:
    with pytest.raises(InvalidMessage, match="cannot be pickled"):
        seal(sealer(local=True), lambda: None)


def test_the_headers_are_those_of_celery_s_protocol_two() -> None:
    message = sealer().seal("a.b", (1,), {"y": 2}, queue="q", headers={"id": "me"}, expires_at=0.0)
    expected = {"lang": "py", "task": "a.b", "id": "me", "root_id": "me", "retries": 0, "timelimit": [None, None]}
    assert expected.items() <= message.headers.items()
    assert message.headers["expires"] == "1970-01-01T00:00:00+00:00"
    assert json.loads(message.body) == [
        [1],
        {"y": 2},
        {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
    ]


@pytest.mark.parametrize("compressor", ["gzip", "bzip2", "zlib"])
def test_bodies_may_be_compressed(compressor: str) -> None:
    one = sealer(compressor=compressor)
    message = seal(one, "x" * 10_000)
    assert len(message.body) < 1000
    assert one.open(deliver(message)).args == ["x" * 10_000]


def test_a_signed_message_is_trusted_and_an_unsigned_one_is_not() -> None:
    signing, plain = sealer(secrets=("new", "old")), sealer()
    assert signing.open(deliver(seal(signing))).trusted
    assert not signing.open(deliver(seal(plain))).trusted
    assert sealer(secrets=("newest", "new")).open(deliver(seal(signing))).trusted
    assert sealer(local=True).open(deliver(seal(plain))).trusted


def test_a_key_that_was_withdrawn_opens_nothing() -> None:
    with pytest.raises(UntrustedMessage):
        sealer(secrets=("other",)).open(deliver(seal(sealer(secrets=("key",)))))


CHANGES: dict[str, Callable[[Delivery], None]] = {
    "another function": lambda d: d.headers.update(task="os.system"),  # type: ignore[attr-defined]
    "another id": lambda d: d.headers.update(id="x"),  # type: ignore[attr-defined]
    "another kind": lambda d: d.headers.update({"ps-kind": "cron"}),  # type: ignore[attr-defined]
    "another queue": lambda d: setattr(d, "queue", "other"),
    "another content type": lambda d: setattr(d, "content_type", "application/x-python-serialize"),
    "another body": lambda d: setattr(d, "body", d.body + b" "),
    "a compression": lambda d: d.headers.update(compression="application/x-gzip"),  # type: ignore[attr-defined]
    "a later expiry": lambda d: d.headers.update(expires="2999-01-01"),  # type: ignore[attr-defined]
    "another signature": lambda d: d.headers.update({"ps-signature": "v1.AAAA"}),  # type: ignore[attr-defined]
    "another version": lambda d: d.headers.update({"ps-signature": "v0." + d.headers["ps-signature"][3:]}),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_signed_message_that_was_changed_is_not_opened(change: str) -> None:
    one = sealer(secrets=("key",))
    delivery = deliver(seal(one, 1))
    CHANGES[change](delivery)
    with pytest.raises(UntrustedMessage):
        one.open(delivery)


def test_a_message_whose_signature_was_stripped_is_worth_no_more_than_an_unsigned_one() -> None:
    one = sealer(secrets=("key",))
    delivery = deliver(seal(one, {1, 2}))
    del delivery.headers["ps-signature"]  # type: ignore[attr-defined]
    with pytest.raises(UntrustedMessage, match="pickle without a valid signature"):
        one.open(delivery)


def test_resealing_does_not_make_a_bad_signature_good() -> None:
    one = sealer(secrets=("key",))
    forged = replace(seal(one), headers={**seal(one).headers, "task": "os.system"})
    with pytest.raises(UntrustedMessage):
        one.open(deliver(one.reseal(forged, retries=1)))
    assert one.open(deliver(one.reseal(seal(one), retries=1))).retries == 1


class Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


HOSTILE = {
    "brackets": (b"[" * 100_000, "application/json", {}),
    "digits": (b"[[" + b"9" * 100_000 + b"], {}, {}]", "application/json", {}),
    "truncated": (b'[[1], {}, {"callb', "application/json", {}),
    "not a triple": (b"[1, 2]", "application/json", {}),
    "wrong types": (b'["ab", [], 3]', "application/json", {}),
    "not text": (b"\xff\xfe\x00", "application/json", {}),
    "yaml": (b"!!python/object/apply:os.system [x]", "application/x-yaml", {}),
    "an unknown type": (b"", "application/x-nonsense", {}),
    "a gzip bomb": (gzip.compress(b" " * 50_000_000), "application/json", {"compression": "application/x-gzip"}),
    "a broken gzip": (b"\x1f\x8b", "application/json", {"compression": "application/x-gzip"}),
    "a false compression": (b"", "application/json", {"compression": "application/x-rar"}),
    "too large": (b" " * 5_000_000, "application/json", {}),
    "a number as its id": (b"[[], {}, {}]", "application/json", {"id": 3}),
    "a type that raises": (b'[[{"__type__": "datetime", "__value__": "x"}], {}, {}]', "application/json", {}),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("local", [True, False], ids=["local", "networked"])
def test_a_hostile_body_is_an_error_and_nothing_else(name: str, local: bool) -> None:
    body, content_type, headers = HOSTILE[name]
    delivery = Delivery("q", {"id": "x", "task": "a.b", **headers}, body, content_type, "utf-8", {}, "tag")
    with pytest.raises(UnreadableMessage):
        sealer(local=local).open(delivery)


def test_a_pickle_from_a_stranger_is_not_opened(tmp_path: Any) -> None:
    body = pickle.dumps(((Touch(str(tmp_path / "touched")),), {}, {}))
    delivery = Delivery("q", {"id": "x", "task": "a.b"}, body, "application/x-python-serialize", "binary", {}, "tag")
    for one in (sealer(), sealer(secrets=("key",))):
        with pytest.raises(UntrustedMessage):
            one.open(delivery)
    assert not (tmp_path / "touched").exists()


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/x-python-serialize", ""]))
def test_random_bytes_never_do_more_than_raise(body: bytes, content_type: str) -> None:
    delivery = Delivery("q", {"id": "x", "task": "a.b"}, body, content_type, "utf-8", {}, "tag")
    try:
        sealer().open(delivery)
    except InvalidMessage:
        pass


@given(EXACT)
def test_headers_and_properties_come_back_as_they_were_and_kombu_reads_them(value: Any) -> None:
    text = payload.dump(Message("q", {"h": value}, b'{"__type__": 1}', properties={"p": value}))
    delivery = payload.load(text, "q", "tag", False)
    assert (delivery.error, delivery.body) == ("", b'{"__type__": 1}')
    assert delivery.headers["h"] == delivery.properties["p"] == kombu_json.loads(text)["headers"]["h"] == value


@pytest.mark.parametrize("kind", ["unknown", "decimal", "uuid", "bytes", 7, None])
def test_a_strangers_header_that_kombu_cannot_read_is_no_reason_to_refuse_the_message(kind: Any) -> None:
    headers = {"id": "x", "at": {"__type__": "date", "__value__": "2026-05-01"}}
    headers["odd"] = odd = {"__type__": kind, "__value__": ["x"]}
    text = json.dumps({"body": "[]", "headers": headers})
    delivery = payload.load(text, "q", "tag", False)
    assert (delivery.error, delivery.headers) == ("", {"id": "x", "at": date(2026, 5, 1), "odd": odd})


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_an_envelope_that_cannot_be_read_keeps_its_bytes(raw: bytes) -> None:
    delivery = payload.load(raw, "q", "tag", False)
    assert delivery.error
    assert delivery.body == raw


def test_protocol_one_is_read_too() -> None:
    body = json.dumps({"task": "a.b", "id": "x", "args": [1], "kwargs": {"k": 2}, "retries": 2, "callbacks": None})
    run = sealer().open(Delivery("q", {}, body.encode(), "application/json", "utf-8", {}, "tag"))
    assert (run.id, run.task, run.args, run.kwargs, run.retries) == ("x", "a.b", [1], {"k": 2}, 2)


def test_a_body_that_is_too_large_is_refused_at_the_call() -> None:
    with pytest.raises(InvalidMessage, match="max_body"):
        seal(sealer(max_body_bytes=1000), "x" * 1000)


@pytest.mark.parametrize(
    ("given_url", "meant"),
    [
        ("", "sqlite:///pyramid_scheduler.sqlite"),
        ("kombu.transport.sqlalchemy:Transport+sqlite:///x.db", "sqlite:///x.db"),
        ("sqla+postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg2://h/d", "postgresql+psycopg2://h/d"),
        ("mysql://h/d", "mysql+pymysql://h/d"),
        ("mariadb://h/d", "mysql+pymysql://h/d"),
        ("redis://h/1", "redis://h/1"),
        ("memory", "memory://"),
        ("amqp://h//", "amqp://h//"),
    ],
)
def test_broker_urls_mean_what_people_mean(given_url: str, meant: str) -> None:
    assert normalize(given_url) == meant


def test_urls_are_known_to_be_local_or_not() -> None:
    assert is_local("sqla+sqlite:///x.db")
    assert is_local("memory://")
    assert not is_local("redis://localhost")


def test_kombu_s_gzip_is_zlib_s() -> None:
    one = sealer()
    body = zlib.compress(b"[[], {}, {}]")
    headers = {"id": "x", "task": "a.b", "compression": "application/x-gzip"}
    assert one.open(Delivery("q", headers, body, "application/json", "utf-8", {}, "tag")).args == []
