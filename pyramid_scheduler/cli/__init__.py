"""The ``pscheduler`` command."""
