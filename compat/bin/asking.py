"""``celery inspect``, ``celery control``, ``celery status``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from kombu.utils.encoding import safe_repr

from ..platforms.exits import EX_UNAVAILABLE
from ..utils.text import indent
from ..worker import control as _commands
from ..worker.panel import Panel

EX_MISUSED = 2


def _add_common(parser: argparse.ArgumentParser, timeout: float) -> None:
    parser.add_argument("-t", "--timeout", type=float, default=timeout, help="seconds to wait for answers")
    parser.add_argument("-d", "--destination", help="ask these workers only, separated by commas")
    parser.add_argument("-j", "--json", action="store_true", help="answer in JSON")


def _add_action(parser: argparse.ArgumentParser, kind: str) -> None:
    _add_common(parser, 1.0)
    parser.add_argument("--list", action="store_true", help="list the commands, and ask nobody")
    parser.add_argument("action", nargs="?", help=", ".join(_of_type(kind)))
    parser.add_argument("arguments", nargs="*")


def add_inspect_arguments(parser: argparse.ArgumentParser) -> None:
    _add_action(parser, "inspect")


def add_control_arguments(parser: argparse.ArgumentParser) -> None:
    _add_action(parser, "control")


def add_status_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common(parser, 1.0)


def _of_type(kind: str) -> list[str]:
    assert _commands  # importing it registers the commands
    return sorted(name for name, said in Panel.meta.items() if said.type == kind and said.visible)


def _described(name: str) -> str:
    said = Panel.meta[name]
    return f"  {' '.join(filter(None, (name, said.signature)))}\n      {said.help}"


def inspect(app: Any, args: argparse.Namespace) -> int:
    """Ask the workers something."""
    return _broadcast_known(app, args, "inspect")


def control(app: Any, args: argparse.Namespace) -> int:
    """Tell the workers something."""
    return _broadcast_known(app, args, "control")


def status(app: Any, args: argparse.Namespace) -> int:
    """Which workers answer."""
    args.action = "ping"
    return _broadcast(app, args, {}, words="{node}: OK")


def _broadcast_known(app: Any, args: argparse.Namespace, kind: str) -> int:
    """Only commands of that kind: who asks must not shut a worker down by a slip."""
    known = _of_type(kind)
    if args.list:
        print(f"{kind.capitalize()} Commands:", *(_described(name) for name in known), sep="\n")
        return 0
    if args.action not in known:
        said = f"Command {args.action} not recognized" if args.action else "Missing argument 'COMMAND'"
        print(f"Error: {said}. Available {kind} commands: {', '.join(known)}", file=sys.stderr)
        return EX_MISUSED
    try:
        arguments = _arguments(args.action, args.arguments)
    except ValueError as error:  # one that is none of its kind
        print(f"Error: celery {kind} {args.action}: {error}", file=sys.stderr)
        return EX_MISUSED
    return _broadcast(app, args, arguments)


def _broadcast(app: Any, args: argparse.Namespace, arguments: dict[str, Any], words: str = "") -> int:
    replies = app.control.broadcast(
        args.action,
        arguments=arguments,
        destination=args.destination.split(",") if args.destination else None,
        timeout=args.timeout,
        reply=True,
    )
    answers = {node: answer for reply in replies or () for node, answer in reply.items()}
    if not answers:
        print("Error: No nodes replied within time constraint", file=sys.stderr)
        return EX_UNAVAILABLE
    _show(answers, args, words)
    return 0


def _show(answers: dict[str, Any], args: argparse.Namespace, words: str) -> None:
    if args.json:
        print(json.dumps(answers, default=safe_repr))
        return
    for node, answer in answers.items():
        word, text = _told(answer)
        print(words.format(node=node) if words else f"->  {node}: {word}\n{indent(text, 4)}")
    if not args.quiet:
        print(f"\n{len(answers)} node{'' if len(answers) == 1 else 's'} online.")


def _told(answer: Any) -> tuple[str, str]:
    """(word, text) as Celery has them, by which scripts tell whether it went well."""
    if isinstance(answer, dict) and answer.keys() & {"ok", "error"}:
        word, name = ("OK", "ok") if "ok" in answer else ("ERROR", "error")
        return word, indent(_told(answer[name])[1], 4)
    if isinstance(answer, list):
        return "OK", "\n".join(f"* {item}" for item in answer) or "- empty -"
    if isinstance(answer, dict):
        return "OK", json.dumps(answer, sort_keys=True, indent=4, default=safe_repr)
    return "OK", str(answer)


def _arguments(action: str, given: list[str]) -> dict[str, Any]:
    """The words after the command, as its arguments."""
    meta = Panel.meta.get(action)
    if meta is None or not given:
        return {}
    named = list(meta.args or ())
    said = {name: kind(word) for (name, kind), word in zip(named, given, strict=False)}
    if meta.variadic:
        said[meta.variadic] = given[len(named) :]
    return said
