"""What commands of one's own are made of: packages add them to ``celery`` by the entry points ``celery.commands``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, wraps
from pprint import pformat
from typing import TYPE_CHECKING, Any

from ..signals import user_preload_options
from ..utils.log import mlevel
from ..utils.text import indent, str_to_list
from ..utils.time import maybe_iso8601

try:
    import click
except ImportError as error:
    raise ImportError("commands are made of Click's, which is not installed: pip install click") from error

if TYPE_CHECKING:

    class _Type(click.ParamType[Any]): ...

    class _Choice(click.Choice[str]): ...

else:  # generic since Click 8.2
    _Type, _Choice = click.ParamType, click.Choice


class CLIContext:
    """``ctx.obj`` of a command: the app, and how to write to the terminal."""

    def __init__(self, app: Any, no_color: bool = False, workdir: str | None = None, quiet: bool = False) -> None:
        self.app = app
        self.no_color = no_color
        self.workdir = workdir
        self.quiet = quiet

    @cached_property
    def OK(self) -> str:
        return str(self.style("OK", fg="green", bold=True))

    @cached_property
    def ERROR(self) -> str:
        return str(self.style("ERROR", fg="red", bold=True))

    def style(self, message: Any = None, **kwargs: Any) -> Any:
        return message if self.no_color else click.style(message, **kwargs)

    def secho(self, message: Any = None, **kwargs: Any) -> None:
        if self.no_color:
            kwargs["color"] = False
        click.secho(message, **kwargs)

    echo = secho

    def error(self, message: Any = None, **kwargs: Any) -> None:
        self.secho(message, **{**kwargs, "err": True})

    def pretty(self, n: Any) -> tuple[str, str]:
        """Whether it is well, and how it reads."""
        if isinstance(n, dict) and ("ok" in n or "error" in n):
            return self.pretty_dict_ok_error(n)
        if isinstance(n, list):
            return self.OK, self.pretty_list(n)
        if isinstance(n, dict):
            return self.OK, json.dumps(n, sort_keys=True, indent=4)
        return self.OK, n if isinstance(n, str) else pformat(n)

    def pretty_list(self, n: list[Any]) -> str:
        return "\n".join(f"{self.style('*', fg='white')} {item}" for item in n) or "- empty -"

    def pretty_dict_ok_error(self, n: dict[str, Any]) -> tuple[str, str]:
        status, word = (self.OK, "ok") if "ok" in n else (self.ERROR, "error")
        return status, indent(self.pretty(n[word])[1], 4)

    def say_chat(self, direction: str, title: str, body: str = "", show_body: bool = False) -> None:
        if self.quiet and direction == "<-":
            return
        self.echo(f" {title}" if self.quiet else f"{self.style(direction, fg='white', bold=True)}  {title}")
        if body and show_body:
            self.echo(body)


def handle_preload_options(f: Callable[..., Any]) -> Callable[..., Any]:
    """Tell receivers of ``user_preload_options`` what was said of them, and not the command."""

    @wraps(f)
    def caller(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        app = ctx.obj.app
        names = [option.name for option in app.user_options.get("preload", ())]
        said = {name: kwargs.pop(name) for name in names if name in kwargs}
        if said:
            user_preload_options.send(sender=f, app=app, options=said)
        return f(ctx, *args, **kwargs)

    return caller


class CeleryOption(click.Option):
    """An option with a place of its own in the help, or a default that is in ``ctx.obj``."""

    def __init__(
        self, *args: Any, help_group: str | None = None, default_value_from_context: str | None = None, **kwargs: Any
    ) -> None:
        self.help_group = help_group
        self.default_value_from_context = default_value_from_context
        super().__init__(*args, **kwargs)

    def get_default(self, ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        if self.default_value_from_context:
            self.default = ctx.obj[self.default_value_from_context]
        return super().get_default(ctx, *args, **kwargs)


class CeleryCommand(click.Command):
    """A command whose help has the options group by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if (line := param.get_help_record(ctx)) is not None:
                groups.setdefault(getattr(param, "help_group", None) or "Options", []).append(line)
        for title, lines in groups.items():
            with formatter.section(title):
                formatter.write_dl(lines)


class DaemonOption(CeleryOption):
    """An option that is a setting, too: ``--pidfile`` of the command ``x`` is ``x_pidfile``."""

    def __init__(self, *args: str, **kwargs: Any) -> None:
        kwargs = {"help_group": "Daemonization Options", "callback": self.daemon_setting, **kwargs}
        super().__init__(args, **kwargs)

    def daemon_setting(self, ctx: click.Context, opt: click.Parameter, value: Any) -> Any:
        return value or getattr(ctx.obj.app.conf, f"{ctx.command.name}_{self.name}", None)


class CeleryDaemonCommand(CeleryCommand):
    """With the options of what runs in the background; to put it there is the command's own to do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            DaemonOption("--logfile", "-f", help="where to log (default: standard error)"),
            DaemonOption("--pidfile", help="write the process id to this file"),
            DaemonOption("--uid", help="the user to become"),
            DaemonOption("--gid", help="the group to become"),
            DaemonOption("--umask", help="of the files that are made"),
            DaemonOption("--executable", help="the Python to run"),
        ]


class CommaSeparatedList(_Type):
    name = "comma separated list"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return str_to_list(value)


class _Json(_Type):
    kind: type = object

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            read = json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return read if isinstance(read, self.kind) else self.fail(f"{value} is no {self.name}", param, ctx)


class JsonArray(_Json):
    name, kind = "json array", list


class JsonObject(_Json):
    name, kind = "json object", dict


class ISO8601DateTime(_Type):
    name = "iso-86091"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | float | None:
        try:
            return maybe_iso8601(value)
        except (TypeError, ValueError) as error:
            self.fail(str(error), param, ctx)


class ISO8601DateTimeOrFloat(ISO8601DateTime):
    name = "iso-86091 or float"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | float | None:
        try:
            return float(value)
        except (TypeError, ValueError):
            return super().convert(value, param, ctx)


class LogLevel(_Choice):
    def __init__(self) -> None:
        super().__init__(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL"))

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return value if isinstance(value, int) else mlevel(super().convert(value.upper(), param, ctx))


JSON_ARRAY = JsonArray()
JSON_OBJECT = JsonObject()
ISO8601 = ISO8601DateTime()
ISO8601_OR_FLOAT = ISO8601DateTimeOrFloat()
LOG_LEVEL = LogLevel()
COMMA_SEPARATED_LIST = CommaSeparatedList()
