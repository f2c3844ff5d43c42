"""Settings, where Python code says them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import libcst as cst

from .names import called, dotted, literal, text_of
from .table import Kind, Verdict, old_settings, table

#: A place, the name that is said there, and its value as far as it is plain.
Said = tuple[cst.CSTNode, str, str]
#: The prefix that Django projects choose for their settings' names in capitals.
NAMESPACE = "CELERY_"


def setting_of(written: str) -> str | None:
    """The name since Celery 4 of a setting, under whatever name it is ``written``; None for what is none."""
    settings = table(Kind.SETTING)
    if written in settings:
        return written
    if written in old_settings():
        return old_settings()[written]
    bare = written.removeprefix(NAMESPACE).lower()
    return bare if written.isupper() and bare in settings else None


@cache
def capital_names() -> frozenset[str]:
    """The names that are Celery's wherever they stand."""
    old = {name for name in old_settings() if name.startswith(("CELERY", "BROKER_"))}
    return frozenset(old | {NAMESPACE + name.upper() for name in table(Kind.SETTING).names(*Verdict)})


def given_settings(args: Sequence[cst.Arg]) -> Iterator[Said]:
    """The names in ``(x=1)``, ``({"x": 1})`` and ``(dict(x=1))``."""
    for arg in args:
        if arg.keyword is not None:
            yield arg, arg.keyword.value, literal(arg.value)
        elif isinstance(arg.value, cst.Dict):
            yield from _of_dict(arg.value)
        elif isinstance(arg.value, cst.Call) and called(arg.value) == "dict":
            yield from given_settings(arg.value.args)


def _of_dict(node: cst.Dict) -> Iterator[Said]:
    for element in node.elements:
        if isinstance(element, cst.DictElement) and text_of(element.key):
            yield element.key, text_of(element.key), literal(element.value)


def assigned_names(body: Sequence[cst.CSTNode]) -> Iterator[Said]:
    """The names assigned in the statements of a module or class, under any ``if``."""
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from (found for small in statement.body for found in _targets(small))
        elif isinstance(statement, cst.If):
            yield from assigned_names(statement.body.body)
            if statement.orelse is not None:
                orelse = statement.orelse
                yield from assigned_names([orelse] if isinstance(orelse, cst.If) else orelse.body.body)


def _targets(statement: cst.CSTNode) -> Iterator[Said]:
    if isinstance(statement, cst.Assign):
        yield from ((statement, dotted(target.target), literal(statement.value)) for target in statement.targets)
    elif isinstance(statement, cst.AnnAssign) and statement.value is not None:
        yield statement, dotted(statement.target), literal(statement.value)
