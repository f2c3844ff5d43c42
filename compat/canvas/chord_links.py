"""What hangs on a chord's body."""

from __future__ import annotations

from typing import Any

from .._state import current_app
from ..utils.functional import maybe_list
from .kinds import is_chord, is_group
from .signature import maybe_signature


def add_body_callbacks(body: Any, options: dict[str, Any]) -> Any:
    """Link ``link`` and ``link_error`` of ``options`` to the body; returns the body to send, a copy if it changed.

    Errbacks reach every task of a body that is a group, and never the header.
    """
    callbacks = maybe_list(options.get("link")) or []
    errbacks = maybe_list(options.get("link_error")) or []
    if callbacks or errbacks:
        # Copies of groups and chords share their members with the caller's.
        body = _deep_clone(body)
    for callback in callbacks:
        callback = _deep_clone(maybe_signature(callback, app=body._app))
        if is_group(body) and not body.tasks:
            body.append_to_list_option("link", callback)
        else:
            body.link(callback)
    for errback in errbacks:
        if is_group(body):
            _link_error(body, maybe_signature(errback, app=body._app))
        else:
            body.append_to_list_option("link_error", errback)
    return body


def _deep_clone(sig: Any) -> Any:
    """A copy whose members are copies, too, as far as ``link`` reaches."""
    sig = maybe_signature(sig, clone=True)
    if is_group(sig):
        sig.tasks = [_deep_clone(task) for task in sig.tasks]
    elif is_chord(sig):
        sig.body = _deep_clone(sig.body)
    return sig


def _link_error(sig: Any, errback: Any, runs_as_group: bool = True) -> None:
    """Link to the tasks of a group, and to the bodies of chords among them.

    A group that is sent as one and has errbacks of its own gets it there: those replace the errbacks of its tasks. A
    group within a group is flattened first, and its options are dropped.
    """
    if is_chord(sig):
        _link_error(sig.body, errback)
    elif not is_group(sig):
        sig.link_error(errback.clone())
    elif runs_as_group and sig.options.get("link_error") is not None:
        sig.append_to_list_option("link_error", errback.clone())
    else:
        for task in sig.tasks:
            _link_error(task, errback, runs_as_group=False)


def app_of(task: Any) -> Any:
    """The app that a signature is bound to, itself or through its tasks; None where it would take the current one."""
    if task._app is not None:
        return task._app
    try:
        app = task.app
    except AttributeError:  # a member that is a dict still
        return None
    return None if app is current_app else app
