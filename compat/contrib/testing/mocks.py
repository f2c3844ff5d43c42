"""Messages and contexts for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

from kombu.serialization import dumps

from ...utils.nodenames import gethostname


def TaskMessage(
    name: str,
    id: str | None = None,
    args: Any = (),
    kwargs: Any = None,
    callbacks: Any = None,
    errbacks: Any = None,
    chain: Any = None,
    shadow: Any = None,
    utc: Any = None,
    **options: Any,
) -> Any:
    """A received message of protocol 2."""
    from kombu.utils.uuid import uuid

    kwargs = kwargs or {}
    id_ = id or uuid()
    embed = {"callbacks": callbacks, "errbacks": errbacks, "chain": chain}
    headers = {"id": id_, "task": name, "shadow": shadow, **options}
    return _message(headers, (args, kwargs, embed), (args, kwargs, embed), id_)


def TaskMessage1(
    name: str,
    id: str | None = None,
    args: Any = (),
    kwargs: Any = None,
    callbacks: Any = None,
    errbacks: Any = None,
    chain: Any = None,
    **options: Any,
) -> Any:
    """A received message of protocol 1."""
    from kombu.utils.uuid import uuid

    id_ = id or uuid()
    body = {
        "task": name,
        "id": id_,
        "args": args,
        "kwargs": kwargs or {},
        "callbacks": callbacks,
        "errbacks": errbacks,
        **options,
    }
    return _message({}, body, body, id_)


def _message(headers: dict[str, Any], body: Any, payload: Any, id_: str) -> Any:
    message = Mock(name=f"TaskMessage-{id_}")
    message.headers = headers
    message.properties = {"correlation_id": id_}
    message.content_type, message.content_encoding, message.body = dumps(body, serializer="json")
    message.payload = payload
    message.delivery_info = {"hostname": gethostname()}
    return message


def task_message_from_sig(app: Any, sig: Any, utc: bool = True, TaskMessage: Any = TaskMessage) -> Any:
    """The message that the signature would be sent as."""
    sig.freeze()
    options = dict(sig.options)
    links = {name: options.pop(name, None) for name in ("link", "link_error")}
    countdown, eta = options.pop("countdown", None), options.pop("eta", None)
    if countdown:
        eta = app.now() + timedelta(seconds=countdown)
    expires = options.pop("expires", None)
    if isinstance(expires, (int, float)):
        expires = app.now() + timedelta(seconds=expires)
    return TaskMessage(
        sig.task,
        id=sig.id,
        args=sig.args,
        kwargs=sig.kwargs,
        callbacks=_plain(links["link"]),
        errbacks=_plain(links["link_error"]),
        eta=_text(eta),
        expires=_text(expires),
        utc=utc,
        **options,
    )


def _plain(sigs: Any) -> Any:
    return [dict(sig) for sig in sigs] if sigs else None


def _text(moment: Any) -> Any:
    return moment.isoformat() if isinstance(moment, datetime) else moment


class _ContextMock(Mock):
    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: Any) -> None: ...


def ContextMock(*args: Any, **kwargs: Any) -> Any:
    """A Mock for ``with``."""
    mock: Any = _ContextMock(*args, **kwargs)
    mock.attach_mock(_ContextMock(), "__enter__")
    mock.attach_mock(_ContextMock(), "__exit__")
    mock.__enter__.return_value = mock
    mock.__exit__.return_value = None
    return mock


__all__ = ("ContextMock", "TaskMessage", "TaskMessage1", "task_message_from_sig")
