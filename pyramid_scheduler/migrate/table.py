"""What the façade makes of Celery's names: read from ``names/*.toml``, which a test holds against the façade."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Verdict(StrEnum):
    SAME = "same"
    DIFFERS = "differs"
    UNSUPPORTED = "unsupported"


class Kind(StrEnum):
    """Where a name is used; each has a table of its own; most names in texts are judged as imports."""

    IMPORT = "imports"
    PACKAGE = "packages"
    APP = "app"
    OPTION = "options"
    CALL = "calls"
    SETTING = "settings"
    TEXT = "texts"


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    way_out: str = ""


#: What is said of a name that is in no table.
_UNLISTED = {
    Kind.IMPORT: Judgement(Verdict.UNSUPPORTED, "not among the names that compat is known to have"),
    Kind.APP: Judgement(Verdict.SAME, "not Celery's: an attribute of your own"),
    Kind.OPTION: Judgement(Verdict.SAME, "not Celery's: it becomes an attribute of the task, there and here"),
    Kind.CALL: Judgement(Verdict.SAME, "not Celery's: it travels as a property of the message, there and here"),
}


class Table:
    """The names of one kind."""

    def __init__(self, kind: Kind, said: Mapping[str, Any]) -> None:
        self.kind = kind
        self.modules = frozenset(said["same"] if isinstance(said["same"], Mapping) else ())
        self._judgements = {name: Judgement(Verdict.SAME) for name in _same(said["same"])}
        for verdict in (Verdict.DIFFERS, Verdict.UNSUPPORTED):
            for group in said.get(verdict.value, ()):
                self._judgements.update(dict.fromkeys(group["names"], Judgement(verdict, group["way"])))

    def __contains__(self, name: str) -> bool:
        return name in self._judgements

    def names(self, *verdicts: Verdict) -> list[str]:
        """All names with one of these verdicts."""
        return [name for name, judgement in self._judgements.items() if judgement.verdict in verdicts]

    def find(self, name: str) -> str | None:
        """The longest beginning of the dotted ``name`` that is listed."""
        while name and name not in self._judgements:
            name = name.rpartition(".")[0]
        return name or None

    def judge(self, name: str) -> Judgement | None:
        """By the name itself, or by what above it is not the same; None for what is not Celery's at all."""
        found = self.find(name)
        judgement = self._judgements[found] if found else None
        if judgement is not None and (found == name or judgement.verdict is not Verdict.SAME):
            return judgement
        return _UNLISTED.get(self.kind)


def _same(said: Any) -> Iterator[str]:
    if not isinstance(said, Mapping):
        yield from said
        return
    for module, names in said.items():
        yield module
        yield from (f"{module}.{name}" for name in names)


@cache
def table(kind: Kind) -> Table:
    return Table(kind, _read(f"{kind.value}.toml"))


def judge(kind: Kind, name: str) -> Judgement | None:
    """What the façade makes of a name; None for what is not Celery's at all."""
    return _judge_text(name) if kind is Kind.TEXT else table(kind).judge(name)


def _judge_text(text: str) -> Judgement | None:
    """None for what may as well be a setting of the application's own: no module of Celery's, nor a thing in one."""
    imports, texts, name = table(Kind.IMPORT), table(Kind.TEXT), text.replace(":", ".")
    if name in texts:
        return texts.judge(name)
    found = imports.find(name) or name
    judgement = imports.judge(found)
    if judgement is None or judgement.verdict is Verdict.UNSUPPORTED:
        return judgement
    if found != name and found in imports.modules:
        return imports.judge(name) if ":" in text else None
    return Judgement(Verdict.DIFFERS, f"a name in a text, which --write leaves: make it compat{text[len('celery') :]}")


@cache
def old_settings() -> Mapping[str, str]:
    """The settings' names in capitals → their new ones."""
    return {**{name.upper(): name for name in _all_settings()}, **_read("old_settings.toml")}


def _all_settings() -> list[str]:
    return table(Kind.SETTING).names(*Verdict)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "names" / name).read_text("utf-8"))
