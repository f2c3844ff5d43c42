"""The ``pscheduler`` command."""

import warnings

# Pyramid 2.1's, of its own imports: who runs our commands can do nothing about it. What they say of warnings themselves
# (-W, PYTHONWARNINGS) counts more. Not in ``-m pyramid_scheduler`` alone: worker processes load this, too.
warnings.filterwarnings(
    "ignore", "pkg_resources is deprecated as an API", UserWarning, r"pyramid\.(asset|path|static)$", append=True
)
