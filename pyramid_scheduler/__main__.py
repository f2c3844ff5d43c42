"""``python -m pyramid_scheduler`` is ``pscheduler``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
