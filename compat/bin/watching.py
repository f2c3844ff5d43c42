"""``celery events``."""

from __future__ import annotations

import argparse
from typing import Any

from ..events.dumper import evdump
from ..events.snapshot import evcam
from .reading import level


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", "--dump", action="store_true", help="write them as lines, as is done without a camera")
    parser.add_argument("-c", "--camera", help="take pictures with this class, made of compat.events.snapshot.Polaroid")
    parser.add_argument("-F", "--freq", "--frequency", type=float, default=1.0, help="seconds between pictures")
    parser.add_argument("-r", "--maxrate", help="at most so many pictures, as in 10/m")
    parser.add_argument("-l", "--loglevel", type=level, default="INFO", help="what a camera logs")
    parser.add_argument("-f", "--logfile", help="where it logs to")
    parser.add_argument("--pidfile", help="file with the process id; a second one does not start")


def events(app: Any, args: argparse.Namespace) -> int:
    """Write what workers tell of themselves and their tasks (-E), a line per event, or record it with a camera."""
    if args.camera and not args.dump:
        evcam(args.camera, args.freq, args.maxrate, args.loglevel, args.logfile, args.pidfile, app=app)
    else:
        evdump(app)
    return 0
