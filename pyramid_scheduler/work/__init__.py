"""Running jobs: the runner, the worker around it, the supervisor above."""
