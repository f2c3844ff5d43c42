"""``python -m tests.shop.serving serve INI`` is ``pserve INI``, as a module."""

import sys

from pyramid.scripts.pserve import main

if __name__ == "__main__":
    sys.exit(main(["pserve", *sys.argv[2:]]))
