"""Writes docs/settings.md and docs/cli.md from the settings table and the command line's grammar.

python docs/generate.py            write them
python docs/generate.py --check    exit 1 if they are out of date
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from pyramid_scheduler.cli.main import build_parser
from pyramid_scheduler.core.duration import format_duration
from pyramid_scheduler.core.settings import TABLE, Setting
from pyramid_scheduler.migrate.table import Kind, Table, Verdict, judge, table

HERE = Path(__file__).resolve().parent


def settings_page() -> str:
    out = io.StringIO()
    out.write("# Settings\n\nGenerated from the table in `pyramid_scheduler/core/settings.py`.\n\n")
    out.write(
        "An unknown `scheduler.*` key is an error that names the nearest one. Below `scheduler.broker.` an unknown\n"
    )
    out.write("key goes to the transport; SQL and Redis ignore those that they do not know.\n\n")
    out.write("| key | default | what it does |\n|---|---|---|\n")
    for row in TABLE:
        out.write(f"| `scheduler.{row.key}` | {_default(row)} | {row.doc} |\n")
    out.write("| `scheduler.broker.*` | | Other keys under it are options of the broker's transport. |\n")
    return out.getvalue()


def _default(row: Setting) -> str:
    value = row.default
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{format_duration(value)}`"
    return f"`{' '.join(value) if isinstance(value, tuple) else value}`"


def cli_page() -> str:
    os.environ["COLUMNS"] = "100"
    parser = build_parser()
    out = io.StringIO()
    out.write("# The command line\n\nGenerated from the grammar in `pyramid_scheduler/cli/main.py`.\n\n")
    out.write("`pscheduler CONFIG.ini` is short for `pscheduler worker CONFIG.ini`. Signals of a worker: SIGTERM or\n")
    out.write(
        "SIGINT finishes running jobs within `scheduler.shutdown_timeout` and hands the rest back, a second one\n"
    )
    out.write("leaves at once, and so does SIGQUIT, SIGHUP replaces the processes, SIGUSR1 (of any process) writes\n")
    out.write("the stacks of its threads to standard error.\n\n")
    out.write("Exit status: 0; 1 where something went wrong; 2 for words it does not understand; 130 on Ctrl-C.\n")
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        out.write(f"\n## {name}\n\n```\n{command.format_help().strip()}\n```\n")
    return out.getvalue()


CELERY_TABLES = {
    Kind.SETTING: "Settings",
    Kind.OPTION: "Options of tasks, and attributes of Task",
    Kind.CALL: "Options of apply_async, send_task and retry",
    Kind.APP: "Attributes of the app",
    Kind.IMPORT: "Modules, and names in them",
    Kind.PACKAGE: "Other packages",
}


def celery_page() -> str:
    out = io.StringIO()
    out.write("# Celery's names\n\nGenerated from the tables in `pyramid_scheduler/migrate/names/`, by which\n")
    out.write("`pscheduler migrate` judges, too. [MIGRATING.md](../MIGRATING.md) tells the story.\n")
    for kind, title in CELERY_TABLES.items():
        out.write(f"\n## {title}\n\n")
        _write_names(out, table(kind))
    return out.getvalue()


def _write_names(out: io.StringIO, names: Table) -> None:
    for verdict in (Verdict.DIFFERS, Verdict.UNSUPPORTED):
        groups: dict[str, list[str]] = {}
        for name in names.names(verdict):
            judgement = judge(names.kind, name)
            assert judgement is not None
            groups.setdefault(judgement.way_out, []).append(f"`{name}`")
        if groups:
            out.write(f"| {verdict.value} | |\n|---|---|\n")
            out.writelines(f"| {', '.join(found)} | {way_out} |\n" for way_out, found in groups.items())
            out.write("\n")
    same = [f"`{name}`" for name in names.names(Verdict.SAME) if name not in names.modules]
    out.write(f"The same: {', '.join(same)}.\n")


def main() -> int:
    pages = {"settings.md": settings_page(), "cli.md": cli_page(), "celery.md": celery_page()}
    if "--check" in sys.argv:
        return int(any((HERE / name).read_text() != text for name, text in pages.items()))
    for name, text in pages.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
