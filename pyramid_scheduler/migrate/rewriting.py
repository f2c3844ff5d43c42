"""The imports of Celery in a Python file, rewritten; all else is kept to the letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from .names import dotted
from .table import Kind, Verdict, table

#: Packages whose modules are found elsewhere.
_NEW_HOMES = {"celery": "compat", "pyramid_celery": "compat.pyramid"}


def rewrite(module: cst.Module) -> cst.Module:
    """``from celery import …`` as ``from compat import …``; what compat lacks stays, on a line of its own."""
    return module.visit(_Rewriting())


class _Rewriting(cst.CSTTransformer):
    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        body = [new for small in updated_node.body for new in _rewritten(small)]
        if len(body) == len(updated_node.body) or len(updated_node.body) > 1:
            return updated_node.with_changes(body=body)
        first, *others = body
        return cst.FlattenSentinel(
            [
                cst.SimpleStatementLine([first], leading_lines=updated_node.leading_lines),
                *(cst.SimpleStatementLine([other]) for other in others[:-1]),
                cst.SimpleStatementLine([others[-1]], trailing_whitespace=updated_node.trailing_whitespace),
            ]
        )

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> Any:
        return updated_node.with_changes(body=[new for small in updated_node.body for new in _rewritten(small)])


def _rewritten(statement: cst.BaseSmallStatement) -> Sequence[cst.BaseSmallStatement]:
    if isinstance(statement, cst.Import):
        return _of_import(statement)
    if isinstance(statement, cst.ImportFrom) and not statement.relative:
        return _of_import_from(statement)
    return [statement]


def _of_import(statement: cst.Import) -> Sequence[cst.BaseSmallStatement]:
    """``import celery.x`` binds ``celery``: that becomes a statement of its own."""
    aliases = [_alias(alias) for alias in statement.names]
    binds = any(_is_dotted(old) and new is not old for old, new in zip(statement.names, aliases, strict=True))
    renamed = statement.with_changes(names=aliases)
    return [_IMPORT_AS_CELERY, renamed] if binds else [renamed]


def _alias(alias: cst.ImportAlias) -> cst.ImportAlias:
    name = dotted(alias.name)
    if not _moves(name):
        return alias
    asname = alias.asname
    if asname is None and not _is_dotted(alias):
        asname = _as(name)
    return alias.with_changes(name=_moved(name), asname=asname)


def _is_dotted(alias: cst.ImportAlias) -> bool:
    """Whether it binds the top package's name, not the module's."""
    return alias.asname is None and "." in dotted(alias.name)


def _as(name: str) -> cst.AsName:
    return cst.AsName(cst.Name(name))


_IMPORT_AS_CELERY = cst.Import([cst.ImportAlias(cst.Name("compat"), _as("celery"))])


def _of_import_from(statement: cst.ImportFrom) -> Sequence[cst.BaseSmallStatement]:
    module = dotted(statement.module)
    if module.partition(".")[0] not in _NEW_HOMES:
        return [statement]
    moved = statement.with_changes(module=_moved(module))
    if isinstance(statement.names, cst.ImportStar):
        return [moved] if _moves(module) else [statement]
    going = [alias for alias in statement.names if _moves(f"{module}.{dotted(alias.name)}")]
    if len(going) == len(statement.names):
        return [moved]
    if not going:
        return [statement]
    staying = [alias for alias in statement.names if alias not in going]
    return [_with_names(moved, going), _with_names(statement, staying)]


def _with_names(statement: cst.ImportFrom, aliases: Sequence[cst.ImportAlias]) -> cst.ImportFrom:
    """The statement with some of its names: no comma after the last where brackets do not allow one."""
    *others, last = aliases
    space = getattr(last.comma, "whitespace_after", None)
    if statement.lpar is None or not isinstance(space, cst.ParenthesizedWhitespace):
        return statement.with_changes(names=[*others, last.with_changes(comma=cst.MaybeSentinel.DEFAULT)])
    ended = last.with_changes(comma=cst.Comma(whitespace_after=space.with_changes(last_line=cst.SimpleWhitespace(""))))
    closing = cst.RightParen(whitespace_before=cst.SimpleWhitespace(""))
    return statement.with_changes(names=[*others, ended], rpar=closing)


def _moves(name: str) -> bool:
    """Whether compat has what is imported."""
    top = name.partition(".")[0]
    if top == "pyramid_celery":
        return name in ("pyramid_celery", "pyramid_celery.celery_app", "pyramid_celery.includeme")
    judgement = table(Kind.IMPORT).judge(name) if top == "celery" else None
    return judgement is not None and judgement.verdict is not Verdict.UNSUPPORTED


def _moved(name: str) -> Any:
    top, dot, rest = name.partition(".")
    return cst.parse_expression(f"{_NEW_HOMES[top]}{dot}{rest}")
