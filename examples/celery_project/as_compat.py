"""Runs a Celery project as it is on pyramid_scheduler: ``python as_compat.py celery -A bookshop.app worker``.

The first word is the module to run, the others are its arguments.
"""

import os
import runpy
import sys

import compat

# Outside of the block below: the processes that a worker starts import this file, too.
compat.install_as_celery()

if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__")
