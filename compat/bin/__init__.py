"""The ``celery`` command: the same words, run by pyramid_scheduler."""
